import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { createAwsClient } from '../jobs/runtime/aws-client.ts';
import type { AwsConfig } from '../jobs/runtime/aws.ts';

/** Who asks AWS, and where: what clients are made with. */
export type Access = Pick<AwsConfig, 'credentials' | 'profile' | 'region'>;

/** Where a stage or the pipeline is, as far as cdk.json says so; the SDK's own sources say the rest. */
interface Whereabouts {
  readonly profile?: string | undefined;
  readonly region?: string | undefined;
}

/** @param profile of the environment, which goes before that of the settings */
export function accessTo(given: Whereabouts | undefined, profile: string | undefined): Access {
  const chosen = profile ?? given?.profile;
  return {
    ...(chosen === undefined ? {} : { profile: chosen }),
    ...(given?.region === undefined ? {} : { region: given.region }),
  };
}

/**
 * As `accessTo`, or with a role that is taken on first. The profile of cdk.json is of the machine of a person: who takes
 * on a role already has credentials.
 */
export async function accessAs(
  role: string | undefined,
  { profile, region }: Whereabouts,
  ownProfile: string | undefined,
  sessionName: string,
): Promise<Access> {
  if (role === undefined) return accessTo({ profile, region }, ownProfile);
  return assumeRole(accessTo({ region }, ownProfile), role, sessionName);
}

/** Takes on a role, for an hour at the most. */
async function assumeRole(access: Access, RoleArn: string, RoleSessionName: string): Promise<Access> {
  const { Credentials } = await createAwsClient(STSClient, access).send(
    new AssumeRoleCommand({ RoleArn, RoleSessionName }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials!;
  return {
    ...(access.region === undefined ? {} : { region: access.region }),
    credentials: {
      accessKeyId: AccessKeyId!,
      secretAccessKey: SecretAccessKey!,
      sessionToken: SessionToken!,
    },
  };
}

import { GetRoleCommand, IAMClient, NoSuchEntityException } from '@aws-sdk/client-iam';
import {
  GetDataLakeSettingsCommand,
  LakeFormationClient,
  type PrincipalPermissions,
} from '@aws-sdk/client-lakeformation';
import { GetParameterCommand, ParameterNotFound, SSMClient } from '@aws-sdk/client-ssm';
import { createAwsClient } from '../../jobs/runtime/aws-client.ts';
import { firstLine } from '../../jobs/runtime/errors.ts';
import type { Access } from '../access.ts';
import { NOTHING, type Findings } from './findings.ts';
import { profileOption, type Environment } from './target.ts';

/* What an account has to have before its first deployment, because no stack of ours creates it. */

/** What `cdk bootstrap` leaves in every account and region. */
const BOOTSTRAP_PARAMETER = '/cdk-bootstrap/hnb659fds/version';

export async function isBootstrapped(access: Access): Promise<boolean> {
  try {
    await createAwsClient(SSMClient, access).send(new GetParameterCommand({ Name: BOOTSTRAP_PARAMETER }));
    return true;
  } catch (error) {
    if (error instanceof ParameterNotFound) return false;
    throw error;
  }
}

/** ECS creates its role with the first cluster of an account, but too late for that cluster: its creation fails. */
export function findMissingEcsRole(environment: Environment): Promise<Findings> {
  return lookUp('the service-linked role of ECS', async () => {
    try {
      const client = createAwsClient(IAMClient, environment.access);
      await client.send(new GetRoleCommand({ RoleName: 'AWSServiceRoleForECS' }));
      return undefined;
    } catch (error) {
      if (!(error instanceof NoSuchEntityException)) throw error;
      return (
        `account ${environment.account} has no service-linked role for ECS, without which the first cluster fails: ` +
        `aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com${profileOption(environment)}`
      );
    }
  });
}

/** Defaults apply to a new database, and to its tables from then on. They do not change one that exists. */
export function findLakeFormation(environment: Environment): Promise<Findings> {
  return lookUp('the settings of Lake Formation', async () => {
    const client = createAwsClient(LakeFormationClient, environment.access);
    const { DataLakeSettings } = await client.send(new GetDataLakeSettingsCommand({}));
    const { CreateDatabaseDefaultPermissions, CreateTableDefaultPermissions } = DataLakeSettings ?? {};
    if (isLeftToIam(CreateDatabaseDefaultPermissions) && isLeftToIam(CreateTableDefaultPermissions))
      return undefined;
    return (
      `Lake Formation in account ${environment.account}, region ${environment.region} does not leave new databases and ` +
      'tables to IAM, so the jobs would not see their own: select both "Use only IAM access control" boxes in its ' +
      'console, Data Catalog settings'
    );
  });
}

function isLeftToIam(permissions: readonly PrincipalPermissions[] = []): boolean {
  return permissions.some(
    ({ Principal, Permissions = [] }) =>
      Principal?.DataLakePrincipalIdentifier === 'IAM_ALLOWED_PRINCIPALS' && Permissions.includes('ALL'),
  );
}

/** People may deploy without the right to look at these: that is worth a note, and no more. */
async function lookUp(what: string, ask: () => Promise<string | undefined>): Promise<Findings> {
  try {
    const problem = await ask();
    return problem === undefined ? NOTHING : { problems: [problem], notes: [] };
  } catch (error) {
    if (!(error instanceof Error && error.name.startsWith('AccessDenied'))) throw error;
    return { problems: [], notes: [`${what} could not be checked: ${firstLine(error)}`] };
  }
}

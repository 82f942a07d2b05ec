import { CreateRoleCommand, EntityAlreadyExistsException, IAMClient } from '@aws-sdk/client-iam';
import { awsClientConfig } from './aws.ts';

/**
 * Gives the emulator's account the role of ECS, as `aws iam create-service-linked-role` would: the emulator's own gives
 * it another name.
 */
export async function createEcsRole(): Promise<void> {
  const role = { RoleName: 'AWSServiceRoleForECS', Path: '/aws-service-role/ecs.amazonaws.com/' };
  try {
    await new IAMClient(awsClientConfig).send(
      new CreateRoleCommand({ ...role, AssumeRolePolicyDocument: '{}' }),
    );
  } catch (error) {
    // Another test file has been here.
    if (!(error instanceof EntityAlreadyExistsException)) throw error;
  }
}

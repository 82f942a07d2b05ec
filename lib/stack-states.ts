import {
  CloudFormationServiceException,
  DescribeStacksCommand,
  type CloudFormationClient,
} from '@aws-sdk/client-cloudformation';

/** What CloudFormation says about a stack that exists. */
export interface StackState {
  readonly name: string;
  /** Such as `CREATE_COMPLETE`. */
  readonly status: string;
  readonly isProtected: boolean;
}

const FINISHED = new Set([
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_ROLLBACK_COMPLETE',
  'IMPORT_COMPLETE',
]);

/** Whether the stack was created as a whole, and nothing since has left it half-way. */
export function isFinished({ status }: StackState): boolean {
  return FINISHED.has(status);
}

/** Reads stacks by name; those that do not exist are left out. */
export async function readStackStates(
  client: CloudFormationClient,
  names: readonly string[],
): Promise<StackState[]> {
  return (await Promise.all(names.map((name) => readStackState(client, name)))).flat();
}

async function readStackState(client: CloudFormationClient, name: string): Promise<StackState[]> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks.map(({ StackStatus, EnableTerminationProtection }) => ({
      name,
      status: StackStatus!,
      isProtected: EnableTerminationProtection === true,
    }));
  } catch (error) {
    if (isMissingStack(error)) return [];
    throw error;
  }
}

/** CloudFormation has no error code of its own for a stack that does not exist. */
export function isMissingStack(error: unknown): boolean {
  return error instanceof CloudFormationServiceException && error.name === 'ValidationError';
}

import {
  UpdateTerminationProtectionCommand,
  type CloudFormationClient,
} from '@aws-sdk/client-cloudformation';
import { KEPT_STACKS } from './kept-stacks.ts';
import type { Names } from './names.ts';
import { isFinished, readStackStates } from './stack-states.ts';

/**
 * Switches termination protection on for the kept stacks of a stage. A stack that failed to be created is left alone:
 * protected, nothing could replace it. Yields a line for each stack that it protects, and for each that it cannot.
 */
export async function* protectStacks(client: CloudFormationClient, names: Names): AsyncGenerator<string> {
  const kept = KEPT_STACKS.map((stack) => names[`${stack}Stack`]);
  const states = await readStackStates(client, kept);
  for (const StackName of kept) {
    const state = states.find(({ name }) => name === StackName);
    if (state === undefined) {
      yield `${StackName} does not exist`;
    } else if (!isFinished(state)) {
      yield `${StackName} is ${state.status}: left as it is`;
    } else if (!state.isProtected) {
      await client.send(
        new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: true }),
      );
      yield `${StackName} is protected against deletion from now on`;
    }
  }
}

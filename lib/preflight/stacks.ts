import type { StackState } from '../stack-states.ts';
import { profileOption, type Environment } from './target.ts';

/** Stacks in a state in which a deployment cannot begin, a line each with the command that helps. */
export function findBlockedStacks(states: readonly StackState[], environment: Environment): string[] {
  const place = ` --region ${environment.region}${profileOption(environment)}`;
  return states.flatMap((state) => {
    const reason = reasonOf(
      state,
      (command) => `aws cloudformation ${command} --stack-name ${state.name}${place}`,
    );
    return reason === undefined ? [] : [`stack ${state.name} is ${state.status}: ${reason}`];
  });
}

function reasonOf({ status, isProtected }: StackState, aws: (command: string) => string): string | undefined {
  const unprotect = isProtected
    ? `${aws('update-termination-protection --no-enable-termination-protection')} && `
    : '';
  const remove = `${unprotect}${aws('delete-stack')}`;
  switch (status) {
    case 'ROLLBACK_COMPLETE':
    case 'ROLLBACK_FAILED':
      return `its creation failed, and nothing can be deployed over it; delete it: ${remove}`;
    case 'DELETE_FAILED':
      return `its events name the resources that could not be deleted; empty or delete them, then: ${remove}`;
    case 'UPDATE_ROLLBACK_FAILED':
      return (
        'an update failed and could not be undone; put right what its events name, then: ' +
        aws('continue-update-rollback')
      );
    case 'REVIEW_IN_PROGRESS':
      return (
        'someone is about to create it; wait for them, or delete the empty stack with its change set: ' +
        remove
      );
    default:
      return status.endsWith('_IN_PROGRESS')
        ? 'someone else is deploying; wait until it has finished'
        : undefined;
  }
}

import type { FaultProxy } from './fault-proxy.ts';

/** Statuses by stack name; `protected` after one says that termination protection is on. */
export type States = Readonly<Record<string, string>>;

/** Lets CloudFormation report states that the emulator's never reaches. Yields the requests for protection, as they come. */
export function reportStates(proxy: FaultProxy, states: States): URLSearchParams[] {
  const updates: URLSearchParams[] = [];
  proxy.decide = (_method, _path, { body }) => {
    const request = new URLSearchParams(body.toString());
    const action = request.get('Action');
    if (action === 'UpdateTerminationProtection') {
      updates.push(request);
      return { status: 200, body: `<${action}Response><${action}Result/></${action}Response>` };
    }
    const name = request.get('StackName') ?? '';
    const state = states[name];
    if (action !== 'DescribeStacks' || state === undefined) return 'pass';
    const [status, more] = state.split(' ');
    const stack =
      `<StackName>${name}</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>` +
      `<StackStatus>${status}</StackStatus>` +
      `<EnableTerminationProtection>${more === 'protected'}</EnableTerminationProtection>`;
    return {
      status: 200,
      body: `<${action}Response><${action}Result><Stacks><member>${stack}</member></Stacks></${action}Result></${action}Response>`,
    };
  };
  return updates;
}

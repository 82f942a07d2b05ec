import type { AwsConfig } from './aws.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { PatientHandler } from './patient-handler.ts';

/** Makes a client of the AWS SDK. The only place that does: a client made otherwise waits without a bound. */
export function createAwsClient<Client, Options extends AwsConfig>(
  AwsClient: new (options: Omit<Options, 'limits'> & { readonly requestHandler: PatientHandler }) => Client,
  { limits = DEFAULT_LIMITS, ...options }: Options,
): Client {
  // Each client has connections of its own, which go with it.
  return new AwsClient({ ...options, requestHandler: new PatientHandler(limits) });
}

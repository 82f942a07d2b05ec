import { gzipSync } from 'node:zlib';

export interface PackedLine {
  readonly message: string;
  readonly timestamp?: number;
}

/**
 * An event as CloudWatch Logs hands it to a function: the batch as JSON, gzip, base64. The form is that of
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html, example 2.
 */
export function packLogEvent(
  lines: readonly PackedLine[],
  { logGroup = 'signals-load', logStream = 'signals-load/Job/0f', messageType = 'DATA_MESSAGE' } = {},
): { awslogs: { data: string } } {
  const batch = {
    messageType,
    owner: '123456789012',
    logGroup,
    logStream,
    subscriptionFilters: ['errors'],
    logEvents: lines.map(({ message, timestamp = Date.UTC(2026, 10, 21, 23, 5) }, index) => ({
      id: String(index).padStart(56, '3'),
      timestamp,
      message,
    })),
  };
  return { awslogs: { data: gzipSync(JSON.stringify(batch)).toString('base64') } };
}

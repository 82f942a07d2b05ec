/*
 * Links into the CloudWatch console. Its address has a notation of its own for the query: strings begin with an
 * apostrophe, lists and objects are in parentheses with tildes, other characters are `*` and two hex digits.
 */

/** A Logs Insights query over a log group around an instant: the lines of a run, or all when it has no id. */
export function insightsLink(
  region: string,
  logGroup: string,
  runId: string | undefined,
  around: Date,
): string {
  const query = [
    'fields @timestamp, level, event, msg',
    ...(runId === undefined ? [] : [`filter runId = "${runId}"`]),
    'sort @timestamp asc',
    'limit 1000',
  ].join(' | ');
  const hour = 3_600_000;
  const detail = [
    `end~${text(new Date(around.getTime() + hour).toISOString())}`,
    `start~${text(new Date(around.getTime() - 6 * hour).toISOString())}`,
    "timeType~'ABSOLUTE",
    "tz~'UTC",
    `editorString~${text(query)}`,
    `source~(~${text(logGroup)})`,
  ].join('~');
  return `${consoleHome(region)}#logsV2:logs-insights$3FqueryDetail$3D~(${detail})`;
}

/** A log group in the console. */
export function logGroupLink(region: string, logGroup: string): string {
  return `${consoleHome(region)}#logsV2:log-groups/log-group/${encodeURIComponent(encodeURIComponent(logGroup)).replaceAll('%', '$')}`;
}

function consoleHome(region: string): string {
  return `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}`;
}

function text(value: string): string {
  const encoded = [...Buffer.from(value)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9_.-]/.test(character) ? character : `*${byte.toString(16).padStart(2, '0')}`;
  });
  return `'${encoded.join('')}`;
}

import { z } from 'zod';
import { UsageError } from '../../jobs/runtime/errors.ts';

/** What a Lambda was invoked with, whoever did it. */
export interface Request {
  readonly kind: 'direct' | 'http' | 'schedule';
  /** The function asked for, where the event names one. */
  readonly name: string | undefined;
  readonly input: Readonly<Record<string, unknown>>;
}

const object = z.record(z.string(), z.unknown());

/** API Gateway with payload format 2.0, and function URLs. */
const httpEvent = z.object({
  version: z.literal('2.0'),
  rawPath: z.string().default('/'),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
  queryStringParameters: z.record(z.string(), z.string()).optional(),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
});

/** EventBridge rules and schedules. */
const bridgeEvent = z.object({ source: z.string(), 'detail-type': z.string(), detail: object });

/** Fields that are lists, separated by commas in a query. */
const LISTS = new Set(['tickers', 'maturities']);
/** Fields whose texts may look like numbers. */
const TEXTS = new Set(['market', 'function']);

/** Takes any of the three kinds of events apart. Throws UsageError for what is none. */
export function parseEvent(event: unknown): Request {
  const http = httpEvent.safeParse(event);
  if (http.success) {
    const { rawPath, queryStringParameters = {}, body, isBase64Encoded } = http.data;
    const text = body === undefined || !isBase64Encoded ? body : Buffer.from(body, 'base64').toString();
    const given =
      text === undefined || text.trim() === '' ? parseQuery(queryStringParameters) : parseBody(text);
    // A stage or a trailing slash does not matter: the last part of the path counts.
    return named('http', given, /([^/]+)\/?$/.exec(rawPath)?.[1]);
  }
  const bridge = bridgeEvent.safeParse(event);
  if (bridge.success) return named('schedule', bridge.data.detail);
  const direct = object.safeParse(event);
  if (!direct.success) throw new UsageError('the event is not a JSON object');
  return named('direct', direct.data);
}

function named(kind: Request['kind'], given: Record<string, unknown>, fallback?: string): Request {
  const { function: name = fallback, ...input } = given;
  if (name !== undefined && typeof name !== 'string') throw new UsageError('function: is not a text');
  return { kind, name, input };
}

function parseBody(body: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw new UsageError('the body is not JSON', error);
  }
  const checked = object.safeParse(parsed);
  if (!checked.success) throw new UsageError('the body is not a JSON object');
  return checked.data;
}

function parseQuery(query: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, text]) => {
      if (LISTS.has(name)) return [name, text.split(',')];
      if (text === 'true' || text === 'false') return [name, text === 'true'];
      const isNumber = !TEXTS.has(name) && text.trim() !== '' && Number.isFinite(Number(text));
      return [name, isNumber ? Number(text) : text];
    }),
  );
}

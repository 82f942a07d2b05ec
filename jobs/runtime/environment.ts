import { z } from 'zod';
import { UsageError } from './errors.ts';

const optionalText = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

const schema = z.object({
  SIGNALS_LAKE: optionalText,
  TRADING_STATE: optionalText,
  YAHOO_BASE_URL: optionalText.pipe(z.url({ protocol: /^https?$/ }).optional()),
  LOG_LEVEL: optionalText.pipe(z.enum(['debug', 'info', 'warn', 'error']).default('info')),
  LOG_FORMAT: optionalText.pipe(z.enum(['pretty', 'json']).optional()),
});

/** What the jobs read from environment variables, once, at their entry. README lists the meaning of each. */
export interface Environment {
  readonly lake: string;
  readonly tradingState: string;
  readonly yahooBaseUrl: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'pretty' | 'json' | undefined;
}

/** Throws UsageError naming the first variable that has no usable value. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const parsed = schema.safeParse(variables);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const name = String(issue.path[0]);
    throw new UsageError(`${name} "${variables[name]}" is not usable: ${issue.message}`);
  }
  const { SIGNALS_LAKE, TRADING_STATE, YAHOO_BASE_URL, LOG_LEVEL, LOG_FORMAT } = parsed.data;
  return {
    lake: SIGNALS_LAKE ?? 'file:./data/lake',
    tradingState: TRADING_STATE ?? 'sqlite:data/cache/trading.db',
    yahooBaseUrl: YAHOO_BASE_URL,
    logLevel: LOG_LEVEL,
    logFormat: LOG_FORMAT,
  };
}

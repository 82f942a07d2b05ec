import type {
  ExchangeSessions,
  LoadManifest,
  SeriesFlag,
  TickerOutcome,
  TickerStatus,
} from '../../jobs/loader/outcome.ts';
import { addDays, toDay, type IsoDate } from '../../jobs/runtime/dates.ts';
import { randomNumbers } from './series.ts';

/** An outcome that needs no attention; `changes` make it another. */
export function outcomeOf(ticker: string, changes: Partial<TickerOutcome> = {}): TickerOutcome {
  return {
    ticker,
    status: 'ok',
    scope: 'window',
    attempts: 1,
    bytes: 6600,
    latencyMs: 120,
    first: '2026-11-09',
    last: '2026-11-20',
    rows: { new: 1, changed: 0, unchanged: 9, removed: 0 },
    exchange: 'NMS',
    currency: 'USD',
    ...changes,
  };
}

/** A manifest of these outcomes whose counts, rows and coverage follow from them; `changes` come last. */
export function manifestOf(
  tickers: readonly TickerOutcome[],
  changes: Partial<LoadManifest> = {},
): LoadManifest {
  const startedAt = changes.startedAt ?? '2026-11-20T23:00:00.000Z';
  const counts: Record<string, number> & { total: number } = { total: tickers.length };
  const rows = { new: 0, changed: 0, unchanged: 0, removed: 0 };
  for (const { status, rows: own } of tickers) {
    counts[status] = (counts[status] ?? 0) + 1;
    for (const name of ['new', 'changed', 'unchanged', 'removed'] as const) rows[name] += own?.[name] ?? 0;
  }
  const day = startedAt.slice(0, 10);
  return {
    job: 'load',
    runId: `${startedAt.replaceAll(/[-:]/g, '').replace(/\.\d+/, '')}-1f0c9a`,
    startedAt,
    finishedAt: new Date(Date.parse(startedAt) + 2_500_000).toISOString(),
    status: 'done',
    arguments: { provider: 'yahoo', start: addDays(day, -13), end: addDays(day, 1), minCoverage: 0.95 },
    versions: { signals: '0.1.0', node: '24.21.0', duckdb: 'v1.5.6' },
    counts,
    rows,
    requests: {
      made: tickers.reduce((sum, { attempts }) => sum + attempts, 0),
      retries: 0,
      pauses: 0,
      pausedMs: 0,
    },
    coverage: {
      required: 0.95,
      baseline: 'asked for',
      expected: tickers.length,
      good: tickers.filter(({ status }) => status === 'ok').length,
    },
    sessions: [],
    written: [],
    usage: { cpuSeconds: 1, peakMemoryMB: 200 },
    tickers,
    ...changes,
  };
}

// Exchange code of the provider, suffix of its symbols, share of a world universe, typical answer in ms.
const EXCHANGES = [
  ['NMS', '', 0.2, 'USD'],
  ['NYQ', '', 0.17, 'USD'],
  ['JPX', '.T', 0.15, 'JPY'],
  ['SHH', '.SS', 0.05, 'CNY'],
  ['SHZ', '.SZ', 0.05, 'CNY'],
  ['TAI', '.TW', 0.045, 'TWD'],
  ['KSC', '.KS', 0.045, 'KRW'],
  ['HKG', '.HK', 0.045, 'HKD'],
  ['LSE', '.L', 0.045, 'GBP'],
  ['TOR', '.TO', 0.035, 'CAD'],
  ['ASX', '.AX', 0.03, 'AUD'],
  ['PAR', '.PA', 0.02, 'EUR'],
  ['GER', '.DE', 0.02, 'EUR'],
  ['STO', '.ST', 0.02, 'SEK'],
  ['NSI', '.NS', 0.02, 'INR'],
  ['SET', '.BK', 0.01, 'THB'],
  ['MIL', '.MI', 0.01, 'EUR'],
  ['SAO', '.SA', 0.01, 'BRL'],
  ['JNB', '.JO', 0.008, 'ZAR'],
  ['TLV', '.TA', 0.006, 'ILS'],
  ['EBS', '.SW', 0.006, 'CHF'],
  ['CPH', '.CO', 0.005, 'DKK'],
] as const;

type Listed = readonly [ticker: string, exchange: string, currency: string];

function listTickers(count: number, random: () => number): Listed[] {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const seen = new Set<string>();
  const listed: Listed[] = [];
  while (listed.length < count) {
    let at = random();
    const [exchange, suffix, , currency] = EXCHANGES.find(([, , share]) => (at -= share) < 0) ?? EXCHANGES[0];
    const isNumeric = ['.T', '.SS', '.SZ', '.TW', '.KS', '.HK'].includes(suffix);
    const name = isNumeric
      ? String(1000 + Math.floor(random() * 8999))
      : Array.from({ length: 2 + Math.floor(random() * 3) }, () => letters[Math.floor(random() * 26)]).join(
          '',
        );
    const ticker = name + suffix;
    if (!seen.has(ticker)) listed.push([ticker, exchange, currency]);
    seen.add(ticker);
  }
  return listed.sort(([a], [b]) => (a < b ? -1 : 1));
}

const TROUBLES: readonly (readonly [number, TickerStatus, (random: () => number) => string])[] = [
  [0.3, 'transient', (random) => `no answer within 15 s, ${3 + Math.floor(random() * 3)} attempts`],
  [0.1, 'transient', () => 'HTTP 502, 4 attempts'],
  [0.15, 'rate-limited', () => 'HTTP 429, Retry-After 60 s is beyond the deadline'],
  [0.2, 'not-found', () => 'HTTP 404: No data found, symbol may be delisted'],
  [0.05, 'invalid', (random) => `answered for ${1000 + Math.floor(random() * 8999)}.T instead`],
  [0.1, 'quarantined', (random) => `close ${(99 + 2 * random()).toFixed(2)} times the one before, no split`],
  [0.06, 'delisted', () => 'not found in 5 runs on different days, last on 2026-10-30'],
  [0.04, 'empty', () => 'no bar in the window'],
];

export interface ManifestsOptions {
  readonly runs: number;
  readonly tickers: number;
  /** Share of tickers that are not plainly `ok`. */
  readonly trouble: number;
  readonly seed?: number;
  /** Date of the newest run; those before it are a weekday apart. */
  readonly lastDate?: IsoDate;
}

/** Manifests of nightly loads of a made-up world universe, newest first; the same for the same options. */
export function generateManifests(options: ManifestsOptions): LoadManifest[] {
  const { runs, tickers, trouble, seed = 1, lastDate = '2026-11-20' } = options;
  const random = randomNumbers(seed);
  const listed = listTickers(tickers, random);
  // Half of the trouble stays with the same names from run to run.
  const lasting = new Set(listed.filter(() => random() < trouble / 2).map(([ticker]) => ticker));
  const dates: IsoDate[] = [];
  for (let date = lastDate; dates.length < runs; date = addDays(date, -1)) {
    if (isWeekday(date)) dates.push(date);
  }
  return dates.map((date, age) => nightlyLoad(date, age, listed, lasting, trouble, seed));
}

function isWeekday(date: IsoDate): boolean {
  return (toDay(date) + 3) % 7 < 5;
}

function nightlyLoad(
  date: IsoDate,
  age: number,
  listed: readonly Listed[],
  lasting: ReadonlySet<string>,
  trouble: number,
  seed: number,
): LoadManifest {
  const random = randomNumbers(seed * 1009 + age + 1);
  // One night in ten is a bad one.
  const share = (trouble / 2) * (age % 10 === 6 ? 4 : 0.5 + random());
  const window = weekdaysBefore(date, 10);
  const outcomes = listed.map(([ticker, exchange, currency]) => {
    const isTroubled = lasting.has(ticker) || random() < share;
    const own = lasting.has(ticker) ? randomNumbers(hash(ticker)) : random;
    return isTroubled
      ? troubled(ticker, exchange, currency, own, window)
      : healthy(ticker, exchange, currency, random, window, trouble);
  });
  const good = outcomes.filter(({ status }) => status === 'ok' || status === 'empty').length;
  const retries = outcomes.reduce((sum, { attempts }) => sum + Math.max(0, attempts - 1), 0);
  const pauses = Math.floor(random() * 3);
  const durationMs = 2_400_000 + random() * 400_000;
  const startedAt = `${date}T23:00:0${age % 10}.000Z`;
  return manifestOf(outcomes, {
    startedAt,
    finishedAt: new Date(Date.parse(startedAt) + Math.round(durationMs)).toISOString(),
    status: good / outcomes.length < 0.95 * (1 - trouble / 4) ? 'failed' : 'done',
    requests: { made: outcomes.length + retries, retries, pauses, pausedMs: pauses * 61_000 },
    coverage: {
      required: 0.95,
      baseline: 'good last time',
      expected: Math.round(outcomes.length * (1 - trouble / 4)),
      good: Math.min(good, Math.round(outcomes.length * (1 - trouble / 4))),
    },
    sessions: sessionsOf(outcomes, window, random),
    written: [`raw_data/provider=yahoo/month=${date.slice(0, 7)}/prices.parquet`],
  });
}

function healthy(
  ticker: string,
  exchange: string,
  currency: string,
  random: () => number,
  window: readonly IsoDate[],
  trouble: number,
): TickerOutcome {
  // Answers take about 150 ms, one in a hundred a second and more.
  const latencyMs = Math.round(150 * Math.exp(0.5 * gaussian(random)) * (random() < 0.01 ? 12 : 1));
  const isRestated = random() < trouble / 60;
  const isRefreshed = random() < 1 / 30;
  const isStale = random() < trouble / 25;
  const isFlat = random() < trouble / 60;
  const flags: SeriesFlag[] = [
    ...(isStale ? (['stale'] as const) : []),
    ...(isFlat ? (['flat'] as const) : []),
    ...(random() < trouble / 400 ? (['renamed'] as const) : []),
  ];
  const missing = window.filter((_, day) => random() < (day === 8 ? trouble / 4 : trouble / 200));
  return outcomeOf(ticker, {
    scope: isRestated || isRefreshed ? 'history' : random() < 0.02 ? 'catch-up' : 'window',
    attempts: random() < 0.04 ? 2 : 1,
    bytes: Math.round(6000 + 1200 * random()) * (isRestated || isRefreshed ? 40 : 1),
    latencyMs: isRestated || isRefreshed ? latencyMs * 3 : latencyMs,
    first: window[0]!,
    last: isStale ? addDays(window[0]!, -7 * Math.ceil(4 * random())) : window.at(-1)!,
    rows: {
      new: 1,
      changed: random() < 0.05 ? 1 : 0,
      unchanged: isRestated ? 1200 : 9,
      removed: isRestated && random() < 0.1 ? 2 : 0,
    },
    exchange,
    currency,
    ...(isRestated ? { restated: restatement(random, window) } : {}),
    ...(missing.length > 0 ? { missing } : {}),
    ...(random() < trouble / 200 ? { rejected: 1 + Math.floor(random() * 3) } : {}),
    ...(flags.length > 0 ? { flags } : {}),
  });
}

function restatement(random: () => number, window: readonly IsoDate[]): string {
  const date = window[Math.floor(random() * window.length)]!;
  const at = random();
  if (at < 0.7) return `dividend ${(0.1 + random()).toFixed(2)} on ${date}`;
  return at < 0.9
    ? `split ${2 + Math.floor(random() * 4)}:1 on ${date}`
    : 'closes of the overlap differ by 0.25';
}

function troubled(
  ticker: string,
  exchange: string,
  currency: string,
  random: () => number,
  window: readonly IsoDate[],
): TickerOutcome {
  let at = random();
  const [, status, reason] = TROUBLES.find(([share]) => (at -= share) < 0) ?? TROUBLES[0]!;
  const isAsked = status !== 'delisted';
  return {
    ticker,
    status,
    reason: reason(random),
    scope: 'window',
    attempts: isAsked ? 1 + Math.floor(random() * 4) : 0,
    bytes: isAsked ? 200 : 0,
    ...(isAsked ? { latencyMs: status === 'transient' ? 15_000 : Math.round(60 + 200 * random()) } : {}),
    ...(status === 'quarantined'
      ? { exchange, currency, first: window[0]!, last: window.at(-1)!, rejected: 1 }
      : {}),
  };
}

function sessionsOf(
  outcomes: readonly TickerOutcome[],
  window: readonly IsoDate[],
  random: () => number,
): ExchangeSessions[] {
  const byExchange = Map.groupBy(
    outcomes.filter(({ status }) => status === 'ok'),
    ({ exchange }) => exchange!,
  );
  return [...byExchange].map(([exchange, members]) => ({
    exchange,
    tickers: members.length,
    closes: Object.fromEntries(
      window
        .filter((date) => !(hash(exchange + date) % 23 === 0))
        .map((date) => {
          const missing = members.filter((member) => member.missing?.includes(date)).length;
          const isGap = hash(date + exchange) % 61 === 0;
          return [date, Math.round((members.length - missing) * (isGap ? 0.4 + 0.4 * random() : 1))];
        }),
    ),
  }));
}

function weekdaysBefore(date: IsoDate, count: number): IsoDate[] {
  const days: IsoDate[] = [];
  for (let day = date; days.length < count; day = addDays(day, -1)) if (isWeekday(day)) days.unshift(day);
  return days;
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function hash(text: string): number {
  let value = 7;
  for (let index = 0; index < text.length; index += 1)
    value = (Math.imul(value, 31) + text.charCodeAt(index)) >>> 0;
  return value;
}

import { execFileSync } from 'node:child_process';
import ixjb from '@ixjb94/indicators';
import { FeatureComputer } from '../jobs/features/compute.ts';
import type { Bars } from '../jobs/features/indicator.ts';
import { COMPARABLE } from '../jobs/features/second-opinion.ts';
import { randomWalk } from '../test/support/series.ts';
import { median } from './median.ts';

const ROWS = 540;
const SERIES = 40;
const REPEATS = 5;

/**
 * Microseconds per row of all 86 columns here, of those that technicalindicators and @ixjb94/indicators have, and of
 * `ta` where a Python on this machine has it. Each in the same run; compare ratios, not figures of different runs.
 */
export async function benchPeers(): Promise<unknown> {
  const walks = Array.from({ length: SERIES }, (_, index) => randomWalk(ROWS, index + 1));
  const computer = new FeatureComputer('all', 'causal', ROWS);
  const others = new ixjb.IndicatorsSync();
  const opinions = COMPARABLE.filter(({ column }) => !REPEATED.has(column));
  return {
    rows: ROWS,
    series: SERIES,
    repeats: REPEATS,
    node: process.versions.node,
    signals: { columns: 86, microsecondsPerRow: time(walks, (bars) => computer.compute(bars)) },
    technicalindicators: {
      indicators: opinions.map(({ column }) => column),
      microsecondsPerRow: time(walks, (bars) => {
        for (const { opinion } of opinions) opinion(bars);
      }),
    },
    '@ixjb94/indicators': {
      indicators: [
        'sma',
        'ema',
        'rsi',
        'macd',
        'bbands',
        'atr',
        'stoch',
        'cci',
        'willr',
        'roc',
        'kama',
        'ao',
        'tsi',
        'dpo',
        'ppo',
      ],
      microsecondsPerRow: time(walks, (bars) => runIxjb(others, bars)),
    },
    ta: timeTa(),
  };
}

/** Columns that come out of one calculation with a column before them. */
const REPEATED = new Set([
  ...['trend_macd_signal', 'trend_macd_diff', 'volatility_bbh', 'volatility_bbl', 'volatility_bbp'],
  ...['trend_adx_pos', 'trend_adx_neg', 'trend_kst_sig', 'momentum_stoch_signal'],
  ...['trend_ichimoku_base', 'trend_ichimoku_a', 'trend_ichimoku_b'],
]);

function time(walks: readonly Bars[], work: (bars: Bars) => void): number {
  const once = (): number => {
    const from = performance.now();
    for (const bars of walks) work(bars);
    return ((performance.now() - from) * 1000) / (walks.length * ROWS);
  };
  once();
  return Math.round(median(Array.from({ length: REPEATS }, once)) * 100) / 100;
}

function runIxjb(library: InstanceType<typeof ixjb.IndicatorsSync>, { high, low, close }: Bars): void {
  const [h, l, c] = [Array.from(high), Array.from(low), Array.from(close)];
  library.sma(c, 12);
  library.ema(c, 12);
  library.rsi(c, 14);
  library.macd(c, 12, 26, 9);
  library.bbands(c, 20, 2);
  library.atr(h, l, c, 10);
  library.stoch(h, l, c, 14, 1, 3);
  library.cci(h, l, c, 20);
  library.willr(h, l, c, 14);
  library.roc(c, 12);
  library.kama(c, 10);
  library.ao(h, l);
  library.tsi(c, 25, 13);
  library.dpo(c, 20);
  library.ppo(c, 12, 26);
}

const TA = `
import time, numpy, pandas, ta, warnings
warnings.filterwarnings('ignore')
random = numpy.random.default_rng(1)
close = 100 * numpy.exp(numpy.cumsum(random.normal(0, 0.01, ${ROWS})))
frame = pandas.DataFrame({'open': close, 'high': close * 1.01, 'low': close * 0.99, 'close': close, 'volume': 1e6})
seconds = []
for _ in range(4):
    begun = time.perf_counter()
    ta.add_all_ta_features(frame.copy(), 'open', 'high', 'low', 'close', 'volume', fillna=True)
    seconds.append(time.perf_counter() - begun)
print(sorted(seconds[1:])[1] * 1e6 / ${ROWS})
`;

function timeTa(): unknown {
  try {
    const python = process.env['PYTHON'] ?? 'python3';
    const printed = execFileSync(python, ['-c', TA], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { columns: 86, microsecondsPerRow: Math.round(Number(printed)) };
  } catch {
    return 'no Python with ta on this machine; name one with PYTHON=...';
  }
}

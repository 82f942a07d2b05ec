import technicalindicators from 'technicalindicators';
import type { Bars } from './indicator.ts';

/*
 * The package technicalindicators, written by others, as an independent opinion on what both define. Its results are
 * shorter than their input and begin where its own warm-up ends; here they are aligned to rows again.
 */

/** One value a row, NaN where the package has none. */
type Opinion = Float64Array;

export interface Comparable {
  readonly column: string;
  /** Rows at the start that are not compared: other seeds need that long to wear off, below the tolerance. */
  readonly skip: number;
  /** Largest difference that counts as equal: relative, or absolute where the package rounds. */
  readonly tolerance: { readonly relative: number } | { readonly absolute: number };
  readonly opinion: (bars: Bars) => Opinion;
}

/** Where the package means something else under the same name, and what. */
export const OTHER_DEFINITIONS: Readonly<Record<string, string>> = {
  volume_mfi: 'counts an unchanged typical price as negative flow',
  volume_vwap: 'adds up from the first bar instead of 14 rows',
  volatility_kcc: 'Keltner channels are EMA and ATR there, means of typical prices here',
  trend_psar_up: 'begins otherwise, which shows after every turn until both turn on the same day',
};

// An EMA of 26 rows forgets its seed as (25/27)^t: 1e-10 after 300 rows.
const SEED = 300;
const exact = { relative: 1e-9 };
/** Differences of averages have fewer digits of their own than the averages. */
const difference = { relative: 1e-7 };

const of = (values: Float64Array, { length }: Bars): number[] => Array.from(values.subarray(0, length));

/** Results that belong to the last rows. */
function alignRight(values: readonly (number | undefined)[], { length }: Bars): Opinion {
  const opinion = new Float64Array(length).fill(Number.NaN);
  const start = length - values.length;
  for (const [index, value] of values.entries()) {
    if (value !== undefined && start + index >= 0) opinion[start + index] = value;
  }
  return opinion;
}

/** An opinion up to the first bar without range, where the definitions part for good. */
function untilFlat(opinion: Opinion, { length, high, low }: Bars): Opinion {
  const flat = high.findIndex((value, t) => t < length && value === low[t]);
  return flat < 0 ? opinion : opinion.fill(Number.NaN, flat);
}

/** Picks one field of results that are objects. */
function field<T extends object>(rows: readonly T[], name: keyof T, bars: Bars): Opinion {
  return alignRight(
    rows.map((row) => row[name] as number | undefined),
    bars,
  );
}

const { SMA, EMA, MACD, BollingerBands, ADX, ATR, Stochastic, WilliamsR, CCI, ROC, TRIX, KST } =
  technicalindicators;
const { AwesomeOscillator, IchimokuCloud, Highest, Lowest, ForceIndex, RSI, OBV, ADL } = technicalindicators;

const macd = (bars: Bars) =>
  MACD.calculate({
    values: of(bars.close, bars),
    ...{ fastPeriod: 12, slowPeriod: 26, signalPeriod: 9 },
    ...{ SimpleMAOscillator: false, SimpleMASignal: false },
  });
const bands = (bars: Bars) =>
  BollingerBands.calculate({ period: 20, stdDev: 2, values: of(bars.close, bars) });
const range = (bars: Bars) => ({
  high: of(bars.high, bars),
  low: of(bars.low, bars),
  close: of(bars.close, bars),
});
const directional = (bars: Bars) => ADX.calculate({ period: 14, ...range(bars) });
const stochastic = (bars: Bars) => Stochastic.calculate({ period: 14, signalPeriod: 3, ...range(bars) });
const knowSureThing = (bars: Bars) =>
  KST.calculate({
    values: of(bars.close, bars),
    ...{ ROCPer1: 10, ROCPer2: 15, ROCPer3: 20, ROCPer4: 30 },
    ...{ SMAROCPer1: 10, SMAROCPer2: 10, SMAROCPer3: 10, SMAROCPer4: 15, signalPeriod: 9 },
  });
const ichimoku = (bars: Bars) =>
  IchimokuCloud.calculate({
    high: of(bars.high, bars),
    low: of(bars.low, bars),
    ...{ conversionPeriod: 9, basePeriod: 26, spanPeriod: 52, displacement: 26 },
  });

/** Every column that the package defines as this project does, after the rows to skip. */
export const COMPARABLE: readonly Comparable[] = [
  ...([12, 26] as const).flatMap((period): Comparable[] => {
    const speed = period === 12 ? 'fast' : 'slow';
    const values = (bars: Bars) => ({ period, values: of(bars.close, bars) });
    return [
      {
        column: `trend_sma_${speed}`,
        skip: 0,
        tolerance: exact,
        opinion: (bars) => alignRight(SMA.calculate(values(bars)), bars),
      },
      {
        column: `trend_ema_${speed}`,
        skip: SEED,
        tolerance: exact,
        opinion: (bars) => alignRight(EMA.calculate(values(bars)), bars),
      },
    ];
  }),
  {
    column: 'trend_macd',
    skip: SEED,
    tolerance: difference,
    opinion: (bars) => field(macd(bars), 'MACD', bars),
  },
  {
    column: 'trend_macd_signal',
    skip: SEED,
    tolerance: difference,
    opinion: (bars) => field(macd(bars), 'signal', bars),
  },
  {
    column: 'trend_macd_diff',
    skip: SEED,
    tolerance: difference,
    opinion: (bars) => field(macd(bars), 'histogram', bars),
  },
  {
    column: 'volatility_bbm',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(bands(bars), 'middle', bars),
  },
  {
    column: 'volatility_bbh',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(bands(bars), 'upper', bars),
  },
  {
    column: 'volatility_bbl',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(bands(bars), 'lower', bars),
  },
  {
    column: 'volatility_bbp',
    skip: 0,
    tolerance: difference,
    opinion: (bars) => field(bands(bars), 'pb', bars),
  },
  {
    column: 'volatility_dch',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => alignRight(Highest.calculate({ period: 20, values: of(bars.high, bars) }), bars),
  },
  {
    column: 'volatility_dcl',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => alignRight(Lowest.calculate({ period: 20, values: of(bars.low, bars) }), bars),
  },
  {
    column: 'volatility_atr',
    skip: SEED,
    tolerance: exact,
    opinion: (bars) => alignRight(ATR.calculate({ period: 10, ...range(bars) }), bars),
  },
  {
    column: 'trend_adx',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(directional(bars), 'adx', bars),
  },
  {
    column: 'trend_adx_pos',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(directional(bars), 'pdi', bars),
  },
  {
    column: 'trend_adx_neg',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(directional(bars), 'mdi', bars),
  },
  {
    column: 'trend_cci',
    skip: 0,
    tolerance: difference,
    opinion: (bars) => alignRight(CCI.calculate({ period: 20, ...range(bars) }), bars),
  },
  {
    column: 'trend_trix',
    skip: SEED,
    tolerance: difference,
    opinion: (bars) => alignRight(TRIX.calculate({ period: 15, values: of(bars.close, bars) }), bars),
  },
  {
    column: 'trend_kst',
    skip: 0,
    tolerance: difference,
    opinion: (bars) => field(knowSureThing(bars), 'kst', bars),
  },
  {
    column: 'trend_kst_sig',
    skip: 0,
    tolerance: difference,
    opinion: (bars) => field(knowSureThing(bars), 'signal', bars),
  },
  {
    column: 'trend_ichimoku_conv',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(ichimoku(bars), 'conversion', bars),
  },
  {
    column: 'trend_ichimoku_base',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(ichimoku(bars), 'base', bars),
  },
  {
    column: 'trend_ichimoku_a',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(ichimoku(bars), 'spanA', bars),
  },
  {
    column: 'trend_ichimoku_b',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(ichimoku(bars), 'spanB', bars),
  },
  {
    column: 'momentum_stoch',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(stochastic(bars), 'k', bars),
  },
  {
    column: 'momentum_stoch_signal',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => field(stochastic(bars), 'd', bars),
  },
  {
    column: 'momentum_wr',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => alignRight(WilliamsR.calculate({ period: 14, ...range(bars) }), bars),
  },
  {
    column: 'momentum_roc',
    skip: 0,
    tolerance: exact,
    opinion: (bars) => alignRight(ROC.calculate({ period: 12, values: of(bars.close, bars) }), bars),
  },
  {
    column: 'momentum_ao',
    skip: 0,
    tolerance: difference,
    opinion: (bars) =>
      alignRight(
        AwesomeOscillator.calculate({
          high: of(bars.high, bars),
          low: of(bars.low, bars),
          fastPeriod: 5,
          slowPeriod: 34,
        }),
        bars,
      ),
  },
  // Rounded there to two decimals.
  {
    column: 'momentum_rsi',
    skip: SEED,
    tolerance: { absolute: 0.0051 },
    opinion: (bars) => alignRight(RSI.calculate({ period: 14, values: of(bars.close, bars) }), bars),
  },
  {
    column: 'volume_obv',
    skip: 0,
    tolerance: exact,
    opinion: (bars) =>
      alignRight(OBV.calculate({ close: of(bars.close, bars), volume: of(bars.volume, bars) }), bars),
  },
  // Rounded there to whole shares; a bar without range counts its whole volume there and nothing here.
  {
    column: 'volume_adi',
    skip: 0,
    tolerance: { absolute: 0.51 },
    opinion: (bars) =>
      untilFlat(alignRight(ADL.calculate({ ...range(bars), volume: of(bars.volume, bars) }), bars), bars),
  },
  {
    column: 'volume_fi',
    skip: SEED,
    tolerance: difference,
    opinion: (bars) =>
      alignRight(
        ForceIndex.calculate({ close: of(bars.close, bars), volume: of(bars.volume, bars), period: 13 }),
        bars,
      ),
  },
];

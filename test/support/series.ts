import type { Bars } from '../../jobs/features/indicator.ts';

/** Numbers 0..1 that are the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A random walk of `length` ordinary bars: prices around 100 in cents, volumes in the millions. */
export function randomWalk(length: number, seed = 1): Bars {
  const random = randomNumbers(seed);
  const bars = emptyBars(length);
  let last = 100;
  for (let t = 0; t < length; t += 1) {
    const open = last * (1 + (random() - 0.5) * 0.02);
    const close = open * (1 + (random() - 0.5) * 0.04);
    const cents = (price: number): number => Math.round(price * 100) / 100;
    bars.open[t] = cents(open);
    bars.close[t] = cents(close);
    bars.high[t] = cents(Math.max(open, close) * (1 + random() * 0.01));
    bars.low[t] = cents(Math.min(open, close) * (1 - random() * 0.01));
    bars.volume[t] = 100 * Math.round(10_000 * (1 + 9 * random()));
    last = close;
  }
  return bars;
}

function emptyBars(length: number): Bars {
  const create = (): Float64Array => new Float64Array(length);
  return { length, open: create(), high: create(), low: create(), close: create(), volume: create() };
}

/** Bars with every array mapped. */
export function mapBars(bars: Bars, map: (values: Float64Array, name: keyof Bars) => Float64Array): Bars {
  const { open, high, low, close, volume } = bars;
  const mapped = {
    open: map(open, 'open'),
    high: map(high, 'high'),
    low: map(low, 'low'),
    close: map(close, 'close'),
    volume: map(volume, 'volume'),
  };
  return { length: mapped.close.length, ...mapped };
}

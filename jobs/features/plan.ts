import { createHash } from 'node:crypto';
import { fromDay, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import type { EraIndex } from './era-index.ts';
import { canonicalSettings, type FeatureSettings } from './settings.ts';

/** Prices that belong to one era alone, as the lake has them now. */
export interface EraPrices {
  readonly era: DayNumber;
  /** Hash of those rows, independent of their order. */
  readonly hash: bigint;
  /** Most rows that can come out, for each part of the tickers. */
  readonly tickers: readonly number[];
}

/** An era to compute and write. */
export interface PlannedEra {
  readonly era: DayNumber;
  /** Most rows that each part of the tickers has. */
  readonly capacities: readonly number[];
  readonly fingerprint: string;
}

export interface PlanRequest {
  readonly settings: FeatureSettings;
  /** Eras on or after this date only. */
  readonly since: IsoDate | undefined;
  /** Eras before this date are finished. */
  readonly today: IsoDate;
  /** Compute eras that are up to date as well. */
  readonly isForced: boolean;
  /** What already stands. */
  readonly standing: EraIndex;
}

/**
 * Which eras to compute: finished ones that are missing, or whose prices or setting are not those they were made
 * from. Pure.
 *
 * @param prices every era that has prices, ascending
 */
export function planEras(prices: readonly EraPrices[], request: PlanRequest): PlannedEra[] {
  const { settings, since, today, isForced, standing } = request;
  const planned: PlannedEra[] = [];
  let seen = 0n;
  for (const { hash } of prices) if (settings.definitions === 'ta') seen ^= hash;
  for (const { era, hash, tickers } of prices) {
    // A causal feature depends on all prices up to its era; ta's full-sample means look at later ones as well.
    if (settings.definitions === 'causal') seen ^= hash;
    const date = fromDay(era);
    if (date >= today || (since !== undefined && date < since)) continue;
    const fingerprint = fingerprintOf(seen, settings);
    if (!isForced && standing.get(date)?.fingerprint === fingerprint) continue;
    planned.push({ era, capacities: tickers, fingerprint });
  }
  return planned;
}

function fingerprintOf(prices: bigint, settings: FeatureSettings): string {
  const text = `${prices.toString(16)} ${canonicalSettings(settings)}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Cuts a plan into parts whose values fit into `maxBytes` of memory at once; each has at least one era. Pure. */
export function cutPlan(planned: readonly PlannedEra[], width: number, maxBytes: number): PlannedEra[][] {
  const parts: PlannedEra[][] = [];
  let left = 0;
  for (const era of planned) {
    const rows = era.capacities.reduce((sum, count) => sum + count, 0);
    const bytes = rows * width * Float32Array.BYTES_PER_ELEMENT;
    if (parts.length === 0 || bytes > left) {
      parts.push([]);
      left = maxBytes;
    }
    parts.at(-1)!.push(era);
    left -= bytes;
  }
  return parts;
}

/**
 * Cuts tickers into at most `count` runs of about as many rows each, for as many threads. Pure.
 *
 * @returns for each part the index of its first ticker; the first part begins at 0
 */
export function cutTickers(tickers: readonly { readonly rows: number }[], count: number): number[] {
  const total = tickers.reduce((sum, { rows }) => sum + rows, 0);
  const starts: number[] = [];
  let before = 0;
  for (const [index, { rows }] of tickers.entries()) {
    if (before >= (starts.length * total) / count) starts.push(index);
    before += rows;
  }
  return starts;
}

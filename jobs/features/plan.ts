import { createHash } from 'node:crypto';
import { fromDay, type DayNumber, type IsoDate } from '../runtime/dates.ts';
import type { EraIndex } from './era-index.ts';
import type { FeatureSettings } from './settings.ts';

/** Prices that belong to one era alone, as the lake has them now. */
export interface EraPrices {
  readonly era: DayNumber;
  /** Hash of those rows, independent of their order. */
  readonly hash: bigint;
  /** Tickers with a row: no more rows than that can come out. */
  readonly tickers: number;
}

/** An era to compute and write. */
export interface PlannedEra {
  readonly era: DayNumber;
  readonly capacity: number;
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
    planned.push({ era, capacity: tickers, fingerprint });
  }
  return planned;
}

function fingerprintOf(prices: bigint, settings: FeatureSettings): string {
  const text = `${prices.toString(16)} ${JSON.stringify(settings)}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Cuts a plan into parts whose values fit into `maxBytes` of memory at once; each has at least one era. Pure. */
export function cutPlan(planned: readonly PlannedEra[], width: number, maxBytes: number): PlannedEra[][] {
  const parts: PlannedEra[][] = [];
  let left = 0;
  for (const era of planned) {
    const bytes = era.capacity * width * Float32Array.BYTES_PER_ELEMENT;
    if (parts.length === 0 || bytes > left) {
      parts.push([]);
      left = maxBytes;
    }
    parts.at(-1)!.push(era);
    left -= bytes;
  }
  return parts;
}

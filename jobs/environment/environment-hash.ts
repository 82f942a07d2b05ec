import { createHash } from 'node:crypto';
import type { ProviderPrices } from '../lake/choose-provider.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { encodeCanonically } from '../store/codec.ts';

/** All that results depend on beside the environment date and the recipe of a strategy. */
export interface ResultInputs {
  /** Settings by name. */
  readonly settings: Readonly<Record<string, string>>;
  /** Version of the mathematics of each class of strategies. */
  readonly typeVersions: Readonly<Record<string, number>>;
  /** Names one state of the prices. */
  readonly dataSnapshot: string;
}

/** 32 hexadecimal digits: the first half of the SHA-256 of the inputs as deterministic CBOR (RFC 8949, 4.2). */
export function environmentHash(inputs: ResultInputs): string {
  return hash({ ...inputs });
}

/**
 * Names the prices of a provider up to and with the month of the environment date, by the versions of their objects:
 * what a load changes there is another snapshot, what it adds in later months is not.
 */
export function lakeSnapshot(prices: ProviderPrices | undefined, envDate: IsoDate): string {
  if (prices === undefined) return 'none';
  const objects = prices.months.filter(({ month }) => month <= envDate.slice(0, 7));
  return hash(objects.map(({ key, version }) => [key, version]));
}

function hash(value: unknown): string {
  return createHash('sha256').update(encodeCanonically(value)).digest('hex').slice(0, 32);
}

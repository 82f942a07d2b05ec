import { venueOf } from './instrument.ts';
import type { Nanoseconds } from './nanoseconds.ts';

/** An instrument whose price is a formula over the prices of others. Its id is `SYMBOL.SYNTH`. */
export interface SyntheticInstrument {
  readonly symbol: string;
  readonly pricePrecision: number;
  /** Two or more instrument ids. */
  readonly components: readonly string[];
  readonly formula: string;
  readonly tsEvent: Nanoseconds;
  readonly tsInit: Nanoseconds;
}

const VENUE = 'SYNTH';

export function syntheticId({ symbol }: SyntheticInstrument): string {
  return `${symbol}.${VENUE}`;
}

/** Throws RangeError when the id is not that of a synthetic instrument. */
export function requireSyntheticId(id: string): string {
  if (!id.includes('.') || venueOf(id) !== VENUE) {
    throw new RangeError(`instrument "${id}" is not synthetic: its venue is not ${VENUE}`);
  }
  return id;
}

/** Throws RangeError for fewer than two components or no formula. */
export function requireSynthetic(synthetic: SyntheticInstrument): SyntheticInstrument {
  const id = syntheticId(synthetic);
  if (synthetic.components.length < 2) throw new RangeError(`"${id}" needs two components or more`);
  if (synthetic.formula === '') throw new RangeError(`"${id}" needs a formula`);
  return synthetic;
}

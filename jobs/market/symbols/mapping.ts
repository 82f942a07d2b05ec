import type { Corrections } from '../corrections.ts';
import type { UniverseEntry } from '../universe.ts';
import { candidates, toBloombergTicker, type Candidate, type Candidates } from './candidates.ts';
import type { EvidenceById } from './evidence.ts';

/** What is known of a name's symbol before the provider is asked. */
export interface Mapping {
  /** The symbol; empty for none. */
  readonly yahoo: string;
  /** Why there is no symbol, or what is left open about the one there is. */
  readonly reason?: string;
  /** Symbols to ask the provider for, the most likely first; none when nothing is left open. */
  readonly open: readonly Candidate[];
}

/** A name, as far as it is identified. */
export type Name = Omit<UniverseEntry, 'yahoo'>;

/**
 * The symbol of a name: a correction, else what the provider was found to have, else the symbol that the universe
 * has already, else the first candidate by the rules. Pure.
 *
 * @param known the symbol in the universe so far, empty for none
 */
export function mapName(
  name: Name,
  known: string,
  corrections: Corrections,
  evidence: EvidenceById,
): Mapping {
  const bloomberg = toBloomberg(name);
  const correction = bloomberg.kind === 'ticker' ? corrections.get(bloomberg.ticker) : undefined;
  if (correction?.yahoo === null) return unmapped(`not on Yahoo: ${correction.reason}`);
  if (correction !== undefined) return settled(correction.yahoo);

  const found = evidence.get(name.id);
  if (found !== undefined && found.yahoo !== '') return settled(found.yahoo);
  if (found !== undefined) {
    // Yahoo forgets symbols for a while: one answer takes nothing from a name that had one.
    return { yahoo: known, reason: `no listing fits on ${found.checked}: ${found.refused}`, open: [] };
  }

  const ruled = bloomberg.kind === 'ticker' ? candidates(bloomberg.ticker) : bloomberg;
  if (known !== '' && !isAmong(known, ruled)) return settled(known);
  if (ruled.kind === 'refused') return unmapped(`${ruled.code}: ${ruled.reason}`);
  const yahoo = known === '' ? ruled.candidates[0]!.symbol : known;
  if (!ruled.isDoubtful) return settled(yahoo);
  const others = ruled.candidates.map(({ symbol }) => symbol).filter((symbol) => symbol !== yahoo);
  const reason = others.length === 0 ? 'by a rule that is seldom checked' : `or ${others.join(', ')}`;
  return { yahoo, reason, open: ruled.candidates };
}

function settled(yahoo: string): Mapping {
  return { yahoo, open: [] };
}

function unmapped(reason: string): Mapping {
  return { yahoo: '', reason, open: [] };
}

/** A symbol that no rule gives was put into the universe by hand. */
function isAmong(known: string, ruled: Candidates): boolean {
  return ruled.kind === 'candidates' && ruled.candidates.some(({ symbol }) => symbol === known);
}

function toBloomberg({ id, numeraiTicker, bloombergTicker }: Name): ReturnType<typeof toBloombergTicker> {
  if (bloombergTicker !== '') return { kind: 'ticker', ticker: bloombergTicker };
  return toBloombergTicker(numeraiTicker === '' ? id : numeraiTicker);
}

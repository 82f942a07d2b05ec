import type { KnownListing, KnownListings } from '../lake/listings.ts';
import type { FetchKind } from '../market/provider.ts';
import type { IsoDate } from '../runtime/dates.ts';

/** So many days of absence end the expectation that a name brings bars. */
const GONE_AFTER_DAYS = 3;
/** When more than this share of the names vanish in one run, the provider has a bad day and not they. */
const MASS_ABSENCE = 0.02;
const FEW = 3;

/**
 * What to remember of a listing after an answer without bars. Only an answer that says so changes what is expected of
 * it next time: a name that could not be fetched is still expected. Pure.
 *
 * @param today UTC date of the run
 */
export function updateListing(
  known: KnownListing,
  kind: FetchKind | 'unattempted',
  isExpectedEmpty: boolean,
  today: IsoDate,
): KnownListing {
  if (kind === 'empty') return isExpectedEmpty ? { ...known, isGood: false, absent: null } : known;
  if (kind !== 'not-found') return known;
  const days = known.absent === null ? 1 : known.absent.days + Number(known.absent.last !== today);
  return { ...known, isGood: known.isGood && days < GONE_AFTER_DAYS, absent: { days, last: today } };
}

/** Without the absences of a run in which many names vanished at once. Pure. */
export function forgetMassAbsence(before: KnownListings, after: KnownListings): KnownListings {
  const vanished = [...after].filter(
    ([ticker, { absent }]) =>
      absent !== null && before.get(ticker)?.isGood === true && before.get(ticker)!.absent === null,
  );
  const good = [...after.keys()].filter((ticker) => before.get(ticker)?.isGood === true).length;
  if (vanished.length <= Math.max(FEW, MASS_ABSENCE * good)) return after;
  return new Map([...after, ...vanished.map(([ticker]) => [ticker, before.get(ticker)!] as const)]);
}

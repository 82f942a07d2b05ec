import type { FetchResult, Listing } from '../provider.ts';
import type { Candidate } from './candidates.ts';

/** Asks the provider for recent prices of a symbol. */
export type Ask = (symbol: string) => Promise<FetchResult>;

/**
 * What asking for the candidates of a name told.
 *
 * - `found`: the listing behind the first symbol that fits
 * - `none`: every candidate was answered and none fits
 * - `open`: an answer is missing or tells nothing; ask again another day
 * - `refused`: the provider wants no more questions now
 */
export type Finding =
  | { readonly kind: 'found'; readonly symbol: string; readonly listing: Listing; readonly refused: string }
  | { readonly kind: 'none'; readonly refused: string }
  | { readonly kind: 'open'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Tries candidates in their order, one request at a time, until one has the listing that it should have. */
export async function confirm(candidates: readonly Candidate[], ask: Ask): Promise<Finding> {
  const refused: string[] = [];
  const open: string[] = [];
  for (const candidate of candidates) {
    const { symbol } = candidate;
    const result = await ask(symbol);
    switch (result.kind) {
      case 'ok': {
        const misfit = describeMisfit(candidate, result.listing);
        if (misfit === undefined) {
          return { kind: 'found', symbol, listing: result.listing, refused: refused.join('; ') };
        }
        refused.push(`${symbol} ${misfit}`);
        break;
      }
      case 'not-found':
        refused.push(`${symbol} not found`);
        break;
      case 'rate-limited':
      case 'blocked':
        return { kind: 'refused', reason: `${symbol}: ${result.reason}` };
      case 'transient':
        return { kind: 'open', reason: `${symbol}: ${result.reason}` };
      case 'invalid':
        open.push(`${symbol}: ${result.reason}`);
        break;
      case 'empty':
        open.push(`${symbol}: no recent bars`);
        break;
    }
  }
  return open.length > 0
    ? { kind: 'open', reason: open.join('; ') }
    : { kind: 'none', refused: refused.join('; ') };
}

function describeMisfit(
  { exchanges, currencies }: Candidate,
  { exchange, currency }: Listing,
): string | undefined {
  const isThere = exchanges.length === 0 || exchange === null || exchanges.includes(exchange);
  const isPaid = currency !== null && currencies.includes(currency);
  return isThere && isPaid ? undefined : `is listed on ${exchange ?? '?'} in ${currency ?? '?'}`;
}

import type { FetchScope, TickerStatus } from '../loader/outcome.ts';

/**
 * What a status means for who runs the load: `good` needs nothing, `failure` may need a hand, `held` needs a
 * decision, `retired` is over.
 */
type StatusKind = 'good' | 'failure' | 'held' | 'retired';

interface StatusText {
  readonly kind: StatusKind;
  readonly label: string;
  readonly meaning: string;
}

/** Every status in the order in which the report lists them. */
export const STATUSES: Readonly<Record<TickerStatus, StatusText>> = {
  ok: { kind: 'good', label: 'with bars', meaning: 'at least one bar came and was taken' },
  empty: { kind: 'good', label: 'without a bar', meaning: 'known, but without a bar in the window' },
  'rate-limited': { kind: 'failure', label: 'rate limited', meaning: 'the provider asked to slow down' },
  blocked: { kind: 'failure', label: 'blocked', meaning: 'the provider refused to answer this client' },
  transient: {
    kind: 'failure',
    label: 'transient',
    meaning: 'time-out, broken connection or server error; the next run may succeed',
  },
  invalid: { kind: 'failure', label: 'invalid', meaning: 'an answer came that cannot be trusted' },
  'not-found': { kind: 'failure', label: 'not found', meaning: 'the provider does not know the symbol' },
  unattempted: { kind: 'failure', label: 'unattempted', meaning: 'the run ended before its turn' },
  quarantined: {
    kind: 'held',
    label: 'quarantined',
    meaning: 'bars that look wrong are held back until they heal or are confirmed',
  },
  delisted: {
    kind: 'retired',
    label: 'delisted',
    meaning: 'no longer asked for: not found in several runs on different days',
  },
};

export const STATUS_NAMES = Object.keys(STATUSES) as TickerStatus[];

/** What was asked of the provider. */
export const SCOPES: Readonly<Record<FetchScope, string>> = {
  window: 'the window',
  'catch-up': 'catching up',
  history: 'all history',
};

export const SCOPE_NAMES = Object.keys(SCOPES) as FetchScope[];

export function isFailure(status: TickerStatus): boolean {
  return STATUSES[status].kind === 'failure';
}

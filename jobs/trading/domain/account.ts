import { CorruptStateError } from '../errors.ts';
import { compare, subtract, type Decimal } from './decimal.ts';
import type { JsonObject } from './instrument.ts';
import type { Nanoseconds } from './nanoseconds.ts';

export const ACCOUNT_TYPES = ['CASH', 'MARGIN', 'BETTING'] as const;

/** What an account has in one currency: total = locked + free. */
export interface AccountBalance {
  readonly currency: string;
  readonly total: Decimal;
  readonly locked: Decimal;
  readonly free: Decimal;
}

export interface MarginBalance {
  readonly currency: string;
  readonly initial: Decimal;
  readonly maintenance: Decimal;
  readonly instrumentId: string | null;
}

/** The whole state of an account at one time. */
export interface AccountState {
  readonly type: 'AccountState';
  readonly accountId: string;
  readonly accountType: (typeof ACCOUNT_TYPES)[number];
  /** null for an account in several currencies. */
  readonly baseCurrency: string | null;
  /** Reported by the venue, not calculated here. */
  readonly reported: boolean;
  readonly balances: readonly AccountBalance[];
  readonly margins: readonly MarginBalance[];
  readonly info: JsonObject | null;
  readonly eventId: string;
  readonly tsEvent: Nanoseconds;
  readonly tsInit: Nanoseconds;
}

/** An account: the log of its states. */
export class Account {
  readonly #events: AccountState[] = [];

  constructor(event: AccountState) {
    this.apply(event);
  }

  /** Rebuilds an account from its log. Throws as `apply` does, and for an empty log. */
  static replay(events: readonly AccountState[]): Account {
    const [first, ...rest] = events;
    if (first === undefined) throw new CorruptStateError('an account needs one state or more');
    const account = new Account(first);
    for (const event of rest) account.apply(event);
    return account;
  }

  /** Takes a newer state. Throws RangeError when it is of another account or its balances do not add up. */
  apply(event: AccountState): void {
    const id = this.#events[0]?.accountId ?? event.accountId;
    if (event.accountId !== id) {
      throw new RangeError(`state of account "${event.accountId}" cannot be applied to "${id}"`);
    }
    for (const { currency, total, locked, free } of event.balances) {
      if (compare(subtract(total, locked), free) !== 0) {
        throw new RangeError(`balance of account "${id}" in ${currency}: total is not locked + free`);
      }
    }
    this.#events.push(event);
  }

  get id(): string {
    return this.state.accountId;
  }

  /** The last event. */
  get state(): AccountState {
    return this.#events.at(-1)!;
  }

  /** Oldest first; never empty. */
  get events(): readonly AccountState[] {
    return this.#events;
  }
}

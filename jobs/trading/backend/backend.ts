import type { TradingStateError } from '../errors.ts';

/** One change of one key. Strings, lists, hashes and sets are those of Redis. */
export type Command =
  | { readonly type: 'set'; readonly key: string; readonly value: Uint8Array }
  /** Removes the key, whatever it holds. */
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'append'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'addMember' | 'removeMember'; readonly key: string; readonly member: string }
  | { readonly type: 'setField'; readonly key: string; readonly field: string; readonly value: Uint8Array }
  | { readonly type: 'removeField'; readonly key: string; readonly field: string };

/**
 * What must be so for a write to happen. All guards make it harmless to send a write a second time when its answer
 * was lost.
 *
 * `continues`: the list `key` exists. Where it has `value` at `position` already, the write was carried out before and
 * is not carried out again. With `after` it must have exactly `position` items, and the last of them must contain
 * this text: the id of the event that this one follows. A list that is there has an item, so that position 0 with
 * `after` is only ever found, never written.
 *
 * `replaces`: the same for a list that is to begin anew with `value`. Where it begins with it already, the write was
 * carried out before; with `after` its last item must contain this text.
 *
 * `absent`: `value` is not among the last RECENT_ITEMS of the list `key`.
 *
 * `begins`: the list `key` is to begin with `events`. Events that it does not have yet are appended before the commands
 * run, so that a list that is missing is written whole and one that lags behind catches up. Where it goes further than
 * `events`, the write was carried out before, and only the commands of `always` run. Where it has a different event at
 * any of these positions, it belongs to another writer.
 */
export type Guard =
  | {
      readonly type: 'continues';
      readonly key: string;
      readonly position: number;
      readonly value: Uint8Array;
      readonly after: string | undefined;
    }
  | {
      readonly type: 'replaces';
      readonly key: string;
      readonly value: Uint8Array;
      readonly after: string | undefined;
    }
  | { readonly type: 'absent'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'begins'; readonly key: string; readonly events: readonly LoggedEvent[] };

export interface LoggedEvent {
  readonly value: Uint8Array;
  /** Bytes that are in every encoding of this event and of no other: its id as a field. */
  readonly mark: Uint8Array;
}

export const RECENT_ITEMS = 1000;

/** Commands that are carried out together or not at all. */
export interface AtomicWrite {
  readonly guard?: Guard;
  /** Run before `commands`, and also where the guard `begins` finds a list that goes further. */
  readonly always?: readonly Command[];
  readonly commands: readonly Command[];
}

/**
 * undefined when a write was carried out, now or before, else why not: NotFoundError, ConflictError, WrongTypeError,
 * BackendError; with UnavailableError it is not known whether it was.
 */
export type Outcome = TradingStateError | undefined;

export interface ReadRequest {
  readonly type: 'string' | 'list' | 'hash' | 'set';
  readonly key: string;
}

/** What a key holds. A key that is not there is `undefined` as a string, and empty as anything else. */
export type Stored =
  | { readonly type: 'string'; readonly value: Uint8Array | undefined }
  | { readonly type: 'list'; readonly value: readonly Uint8Array[] }
  | { readonly type: 'hash'; readonly value: ReadonlyMap<string, Uint8Array> }
  | { readonly type: 'set'; readonly value: ReadonlySet<string> }
  | { readonly type: 'error'; readonly error: TradingStateError };

/** Where the state is kept. `read`, `scan` and `clear` reject with UnavailableError or BackendError. */
export interface StateBackend {
  /** For messages; without a password. */
  readonly url: string;
  /**
   * Carries out writes in their order, each whole or not at all, and resolves when they are as durable as the backend
   * makes them. Never rejects.
   */
  apply(writes: readonly AtomicWrite[]): Promise<readonly Outcome[]>;
  read(requests: readonly ReadRequest[]): Promise<readonly Stored[]>;
  /** Every key that starts with `prefix`, in no particular order, each once. */
  scan(prefix: string): Promise<readonly string[]>;
  /** Removes everything, of every trader and every program. */
  clear(): Promise<void>;
  /** Resolves when the backend can be reached, trying for up to `timeoutMs`; else rejects with UnavailableError. */
  ready(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

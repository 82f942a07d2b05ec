import type { StateBackend } from '../../../jobs/trading/backend/backend.ts';
import type { CacheDatabaseSettings } from '../../../jobs/trading/config.ts';
import type { DatabaseOptions, TradingStateDatabase } from '../../../jobs/trading/state-database.ts';

export const BACKENDS = ['memory', 'sqlite', 'redis'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** What a case gets: an empty backend, and a database over it. */
export interface Context {
  readonly backend: BackendName;
  /** Opens a database; each call is another process as far as the backend can tell. */
  open(
    settings?: CacheDatabaseSettings,
    options?: DatabaseOptions & { trader?: string },
  ): Promise<TradingStateDatabase>;
  /** The same backend past the database, to see and to spoil what is stored. */
  readonly store: StateBackend;
}

/** One acceptance case, and the backends that it applies to. */
export interface Case {
  readonly number: number;
  readonly name: string;
  readonly backends: readonly BackendName[];
  run(context: Context): Promise<void>;
}

/** Names of the keys of the trader that the cases use. */
export const key = (rest: string): string => `trader-TESTER-000:${rest}`;

export async function listAt(store: StateBackend, at: string): Promise<readonly Uint8Array[]> {
  const [stored] = await store.read([{ type: 'list', key: at }]);
  if (stored?.type !== 'list') throw new Error(`${at} is no list`);
  return stored.value;
}

export async function setAt(store: StateBackend, at: string): Promise<string[]> {
  const [stored] = await store.read([{ type: 'set', key: at }]);
  if (stored?.type !== 'set') throw new Error(`${at} is no set`);
  return [...stored.value].toSorted();
}

export async function hashAt(store: StateBackend, at: string): Promise<Record<string, string>> {
  const [stored] = await store.read([{ type: 'hash', key: at }]);
  if (stored?.type !== 'hash') throw new Error(`${at} is no hash`);
  return Object.fromEntries(
    [...stored.value].map(([field, value]) => [field, Buffer.from(value).toString()]),
  );
}

export async function textAt(store: StateBackend, at: string): Promise<string | undefined> {
  const [stored] = await store.read([{ type: 'string', key: at }]);
  if (stored?.type !== 'string') throw new Error(`${at} is no string`);
  return stored.value && Buffer.from(stored.value).toString();
}

/** Which of the sets of orders have the id. */
export async function setsWith(store: StateBackend, id: string): Promise<string[]> {
  const names = ['orders', 'orders_open', 'orders_closed', 'orders_emulated', 'orders_inflight'];
  const found = await Promise.all(
    names.map(async (name) => (await setAt(store, key(`index:${name}`))).includes(id)),
  );
  return names.filter((_, index) => found[index]);
}

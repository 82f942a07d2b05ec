/** What can happen to an entry in a level. */
export type CacheEventType =
  | 'hit'
  | 'miss'
  | 'fill'
  | 'write'
  | 'delete'
  | 'evict'
  | 'expire'
  /** Checked against the durable level and still the same. */
  | 'revalidate'
  /** Served though the durable level could not be asked. */
  | 'grace'
  | 'corrupt'
  | 'conflict'
  | 'error';

export interface CacheEvent {
  readonly type: CacheEventType;
  readonly level: string;
  readonly key: string;
  /** Why, for people. */
  readonly detail?: string;
}

/** Tells whoever listens what happens in the caches, and counts it. */
export class CacheEvents {
  readonly #counts = new Map<string, number>();
  readonly #listener: (event: CacheEvent) => void;

  constructor(listener: (event: CacheEvent) => void = () => {}) {
    this.#listener = listener;
  }

  emit(event: CacheEvent): void {
    const name = `${event.level}.${event.type}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    this.#listener(event);
  }

  /** How often what happened, as `{ 'memory.hit': 3 }`. */
  stats(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

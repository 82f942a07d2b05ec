import { LRUCache } from 'lru-cache';
import { ABSENT, type Expectation, type Version } from '../lake/object-store.ts';
import { ConflictError } from './errors.ts';
import { UNCHANGED, type CacheLevel, type Entry, type ListedEntry, type StoredEntry } from './level.ts';

/** What an entry takes beside its bytes and its key, roughly. */
const OVERHEAD_BYTES = 200;

/** Bytes in this process; what was used longest ago makes room. An entry above the limit is not kept. */
export class MemoryLevel implements CacheLevel {
  readonly name = 'memory';
  readonly #entries: LRUCache<string, StoredEntry>;
  #writes = 0;

  /** @param onEvict told the key of what had to make room */
  constructor(maxBytes: number, onEvict: (key: string) => void = () => {}) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }, key) => bytes.length + key.length + OVERHEAD_BYTES,
      dispose: (_entry, key, reason) => {
        if (reason === 'evict') onEvict(key);
      },
    });
  }

  async get(key: string, unless?: Version): Promise<StoredEntry | typeof UNCHANGED | undefined> {
    const found = this.#entries.get(key);
    return found !== undefined && found.version === unless ? UNCHANGED : found;
  }

  async put(key: string, entry: Entry, expected?: Expectation): Promise<Version> {
    const found = this.#entries.peek(key)?.version ?? ABSENT;
    if (expected !== undefined && expected !== found) throw new ConflictError(`${key} is another by now`);
    this.#writes += 1;
    const version = String(this.#writes);
    this.#entries.set(key, { ...entry, version });
    return version;
  }

  async delete(key: string): Promise<ListedEntry | undefined> {
    const found = this.#entries.peek(key);
    this.#entries.delete(key);
    return found && { key, expiresAtMs: found.expiresAtMs };
  }

  async *list(prefix: string): AsyncIterable<ListedEntry> {
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).toSorted();
    for (const key of keys) {
      const found = this.#entries.peek(key);
      if (found !== undefined) yield { key, expiresAtMs: found.expiresAtMs };
    }
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }
}

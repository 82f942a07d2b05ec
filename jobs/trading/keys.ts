/** Collections of a trader; part of the keys. */
const COLLECTIONS = [
  'general',
  'currencies',
  'instruments',
  'synthetics',
  'accounts',
  'orders',
  'positions',
  'actors',
  'strategies',
] as const;
export type Collection = (typeof COLLECTIONS)[number];

/** Sets of order ids. */
export const ORDER_SETS = [
  'orders',
  'orders_open',
  'orders_closed',
  'orders_emulated',
  'orders_inflight',
] as const;
/** Hashes from order id to another id. */
export const ORDER_HASHES = ['order_ids', 'order_position', 'order_client'] as const;
export type OrderHash = (typeof ORDER_HASHES)[number];
/** Sets of position ids. */
export const POSITION_SETS = ['positions', 'positions_open', 'positions_closed'] as const;

/** First parts of all keys that the database makes; others under the same prefix belong to somebody else. */
const OWN_PARTS: ReadonlySet<string> = new Set([...COLLECTIONS, 'snapshots', 'health', 'index', 'meta']);

export const TRADER_PREFIX = 'trader-';

export interface KeyOptions {
  readonly traderId: string;
  /** Keeps instances of one trader apart. */
  readonly instanceId?: string | undefined;
  readonly useTraderPrefix: boolean;
  /** Puts the trader id in braces, so that a Redis cluster keeps all keys of a trader together. */
  readonly useHashTag: boolean;
  /** Ids are escaped where they have signs that separate keys or stand for patterns. NautilusTrader does not. */
  readonly escapeIds: boolean;
  /** Hashes of the index have a colon at their end, as in NautilusTrader 1.178. */
  readonly trailingColon: boolean;
}

/** Names of all keys of one trader: `trader-TESTER-000:orders:O-1`. */
export class Keys {
  /** What all keys start with, with the colon. */
  readonly prefix: string;
  readonly #hashEnd: string;
  readonly #encode: (id: string) => string;
  readonly #decode: (text: string) => string;

  constructor({ traderId, instanceId, useTraderPrefix, useHashTag, escapeIds, trailingColon }: KeyOptions) {
    const asIs = (id: string): string => id;
    this.#encode = escapeIds ? encodeId : asIs;
    this.#decode = escapeIds ? decodeId : asIs;
    const trader = useHashTag ? `{${encodeId(traderId)}}` : encodeId(traderId);
    const instance = instanceId === undefined ? '' : `${encodeId(instanceId)}:`;
    this.prefix = `${useTraderPrefix ? TRADER_PREFIX : ''}${trader}:${instance}`;
    this.#hashEnd = trailingColon ? ':' : '';
  }

  item(collection: Collection, id: string): string {
    const end = collection === 'actors' || collection === 'strategies' ? ':state' : '';
    return `${this.collection(collection)}${this.#encode(id)}${end}`;
  }

  /** What the keys of a collection start with. */
  collection(collection: Collection): string {
    return `${this.prefix}${collection}:`;
  }

  /** The id in the key of an item. */
  idOf(collection: Collection, key: string): string {
    return this.#decode(key.slice(this.collection(collection).length));
  }

  /** A set of ids. */
  set(name: string): string {
    return `${this.prefix}index:${name}`;
  }

  hash(name: OrderHash): string {
    return `${this.prefix}index:${name}${this.#hashEnd}`;
  }

  snapshots(of: 'orders' | 'positions', id: string): string {
    return `${this.prefix}snapshots:${of}:${this.#encode(id)}`;
  }

  get heartbeat(): string {
    return `${this.prefix}health:heartbeat`;
  }

  /** Who wrote the keys, and how. */
  get schema(): string {
    return `${this.prefix}meta:schema`;
  }

  /** Whether a key that starts with the prefix is one of these, not of another instance or another program. */
  owns(key: string): boolean {
    const [first] = key.slice(this.prefix.length).split(':', 1);
    return key.startsWith(this.prefix) && OWN_PARTS.has(first!);
  }
}

/** Escapes what separates the parts of a key and what patterns give a meaning to. */
export function encodeId(id: string): string {
  return id.replace(/[%:*?[\]{}\\]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The opposite of encodeId. */
export function decodeId(text: string): string {
  return text.replace(/%(25|3A|2A|3F|5B|5D|7B|7D|5C)/g, (_all, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

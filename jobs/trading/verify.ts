import type { AtomicWrite, Command } from './backend/backend.ts';
import type { Instrument } from './domain/instrument.ts';
import { NotFoundError, TradingStateError } from './errors.ts';
import {
  ORDER_HASHES,
  ORDER_SETS,
  POSITION_SETS,
  type Collection,
  type Keys,
  type OrderHash,
} from './keys.ts';
import { OWN_SETS, replaceList, setsOfOrder, setsOfPosition, type Layout } from './layout.ts';
import type { StateReader } from './state-reader.ts';

/** One thing that does not agree with the rest. */
interface Problem {
  readonly kind: 'ghost' | 'unindexed' | 'misplaced' | 'repeated' | 'unreadable' | 'incomplete';
  readonly collection: Collection;
  readonly id: string;
  /** One line: what is wrong. */
  readonly detail: string;
  readonly isRepairable: boolean;
}

export interface IntegrityReport {
  readonly orders: number;
  readonly positions: number;
  readonly problems: readonly Problem[];
  /** How many of the problems have been repaired. */
  readonly repaired: number;
}

export interface IntegrityInput {
  readonly reader: StateReader;
  readonly layout: Layout;
  readonly keys: Keys;
  readonly hasOwnSets: boolean;
  /** Carries out repairs; without it nothing is changed. */
  readonly write?: (write: AtomicWrite) => Promise<void>;
}

/** A problem with what would mend it. */
interface Finding extends Omit<Problem, 'isRepairable'> {
  readonly repair?: readonly Command[];
}

const CHUNK = 500;

/** Compares every index with the logs that it is about, and every key with the index that should name it. */
export async function checkIntegrity(input: IntegrityInput): Promise<IntegrityReport> {
  const keys = await input.reader.keys();
  const orders = await checkOrders(input, keys);
  const positions = await checkPositions(input, keys);
  const findings = [
    ...orders.findings,
    ...positions.findings,
    ...(await checkValues(input)),
    ...(input.hasOwnSets ? await checkOwnSets(input, keys) : []),
  ];
  const repairs = findings.filter(({ repair }) => repair !== undefined);
  if (input.write !== undefined) {
    for (const { repair } of repairs) await input.write({ commands: repair! });
  }
  return {
    orders: orders.count,
    positions: positions.count,
    problems: findings.map(({ repair, ...problem }) => ({ ...problem, isRepairable: repair !== undefined })),
    repaired: input.write === undefined ? 0 : repairs.length,
  };
}

interface Checked {
  readonly count: number;
  readonly findings: readonly Finding[];
}

/** What there is to know about one of the collections that are logs. */
interface LogRules {
  readonly collection: 'orders' | 'positions';
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  /** Ids that any index has. */
  readonly named: readonly string[];
  /** Removes an id from every index. */
  remove(id: string): readonly Command[];
  /** What the log makes. Throws when it cannot be rebuilt. */
  rebuild(id: string, log: readonly Uint8Array[]): Rebuilt;
}

interface Rebuilt {
  readonly status: string;
  /** Which sets the id belongs into. */
  readonly sets: Readonly<Record<string, boolean>>;
  /** Other indexes that do not have what they should. */
  readonly wrong: readonly string[];
  /** Mends every index. */
  readonly indexes: readonly Command[];
  /** Where the log is longer than it should be: what to write in its place, and why. */
  readonly tooLong?: { readonly detail: string; readonly repair: readonly Command[] };
}

async function checkOrders(
  { reader, layout, keys, hasOwnSets }: IntegrityInput,
  all: readonly string[],
): Promise<Checked> {
  const sets = await readSets(reader, ORDER_SETS);
  const hashes = await readHashes(reader);
  const venueIds: ReadonlyMap<string, string> = hashes.get('order_ids') ?? new Map();
  // Today's NautilusTrader does not keep them.
  const hasVenueIds = hasOwnSets || venueIds.size > 0;
  return checkLogs(await readLogs(reader, keys, 'orders', all), keys, {
    collection: 'orders',
    sets,
    named: [...sets.values(), ...hashes.values()].flatMap((index) => [...index.keys()]),
    remove: (id) => layout.deleteOrder(id).commands,
    rebuild(id, log) {
      const { state } = reader.replayOrder(id, log);
      const { status, venueOrderId } = state;
      const isWrong = hasVenueIds && venueOrderId !== null && venueIds.get(id) !== venueOrderId;
      return {
        status,
        sets: setsOfOrder(state),
        wrong: isWrong ? ['order_ids'] : [],
        indexes: layout.orderIndexes(state),
      };
    },
  });
}

async function checkPositions(
  { reader, layout, keys }: IntegrityInput,
  all: readonly string[],
): Promise<Checked> {
  const sets = await readSets(reader, POSITION_SETS);
  const instruments: ReadonlyMap<string, Instrument> = await reader.instruments();
  return checkLogs(await readLogs(reader, keys, 'positions', all), keys, {
    collection: 'positions',
    sets,
    named: [...sets.values()].flatMap((index) => [...index]),
    remove: (id) => layout.deletePosition(id).commands,
    rebuild(id, log) {
      const fills = reader.decodeFills(id, log);
      const position = reader.replayPosition(id, fills, instruments.get(fills[0]!.instrumentId));
      const ended = log.length - position.events.length;
      return {
        status: position.state.side,
        sets: setsOfPosition(position.state),
        wrong: [],
        indexes: layout.positionIndexes(position.state),
        // An old writer went on with the log where a new cycle should have replaced it.
        ...(ended > 0 && {
          tooLong: {
            detail: `the log has ${ended} fills of cycles that have ended`,
            repair: layout.position(position, true).commands,
          },
        }),
      };
    },
  });
}

function checkLogs(
  logs: ReadonlyMap<string, readonly Uint8Array[] | TradingStateError>,
  keys: Keys,
  rules: LogRules,
): Checked {
  const ids = new Set([...logs.keys(), ...rules.named]);
  const findings = [...ids].flatMap((id) =>
    checkLog(id, logs.get(id), keys, rules).map((finding) => ({
      ...finding,
      collection: rules.collection,
      id,
    })),
  );
  return { count: logs.size, findings };
}

type AboutLog = Omit<Finding, 'collection' | 'id'>;

function checkLog(
  id: string,
  log: readonly Uint8Array[] | TradingStateError | undefined,
  keys: Keys,
  { collection, sets, remove, rebuild }: LogRules,
): AboutLog[] {
  if (log === undefined) {
    return [{ kind: 'ghost', detail: 'is in an index, but has no events', repair: remove(id) }];
  }
  if (log instanceof TradingStateError) return [{ kind: 'unreadable', detail: log.message }];
  try {
    const once = withoutRepeats(log);
    const { status, sets: wanted, wrong, indexes, tooLong } = rebuild(id, once);
    const findings: AboutLog[] = [];
    if (tooLong !== undefined) findings.push({ kind: 'repeated', ...tooLong });
    else if (once.length < log.length) {
      const detail = `the log has ${log.length - once.length} events twice`;
      findings.push({ kind: 'repeated', detail, repair: replaceList(keys.item(collection, id), once) });
    }
    const misplaced = Object.keys(wanted).filter((name) => sets.get(name)!.has(id) !== wanted[name]);
    if (misplaced.length + wrong.length > 0) {
      const kind = sets.get(collection)!.has(id) ? 'misplaced' : 'unindexed';
      const detail = `${status}, but wrong in ${[...misplaced, ...wrong].join(', ')}`;
      findings.push({ kind, detail, repair: indexes });
    }
    return findings;
  } catch (error) {
    const kind = error instanceof NotFoundError ? 'incomplete' : 'unreadable';
    return [{ kind, detail: messageOf(error) }];
  }
}

/** Everything else that is stored can be read, or is reported. */
async function checkValues({ reader }: IntegrityInput): Promise<Finding[]> {
  const loaded = {
    accounts: await reader.accounts(),
    currencies: await reader.currencies(),
    instruments: await reader.instruments(),
    synthetics: await reader.synthetics(),
  };
  return Object.entries(loaded).flatMap(([collection, { errors }]) =>
    [...errors]
      // What is in an index only is a ghost.
      .filter(([, error]) => !(error instanceof NotFoundError))
      .map(([id, { message }]) => ({
        collection: collection as Collection,
        id,
        kind: 'unreadable' as const,
        detail: message,
      })),
  );
}

/** The sets of ids that only the own layout has. */
async function checkOwnSets(
  { reader, layout, keys }: IntegrityInput,
  all: readonly string[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const collection of OWN_SETS) {
    const stored = new Set(idsOf(keys, collection, all));
    const named = await reader.set(collection);
    for (const id of stored) {
      if (named.has(id)) continue;
      const repair = [layout.member(collection, id, true)];
      findings.push({ collection, id, kind: 'unindexed', detail: 'is stored, but not in the index', repair });
    }
    for (const id of named) {
      if (stored.has(id)) continue;
      const repair = [layout.member(collection, id, false)];
      findings.push({ collection, id, kind: 'ghost', detail: 'is in the index, but not stored', repair });
    }
  }
  return findings;
}

async function readSets(
  reader: StateReader,
  names: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const sets = await Promise.all(names.map(async (name) => [name, await reader.set(name)] as const));
  return new Map(sets);
}

/** The hashes of orders; one that another writer keeps as something else is left out. */
async function readHashes(reader: StateReader): Promise<ReadonlyMap<OrderHash, ReadonlyMap<string, string>>> {
  const hashes = new Map<OrderHash, ReadonlyMap<string, string>>();
  for (const name of ORDER_HASHES) {
    const hash = await reader.hash(name).catch((error: unknown) => {
      if (error instanceof TradingStateError && error.code === 'trading.wrong-type') return undefined;
      throw error;
    });
    if (hash !== undefined) hashes.set(name, hash);
  }
  return hashes;
}

async function readLogs(
  reader: StateReader,
  keys: Keys,
  collection: Collection,
  all: readonly string[],
): Promise<Map<string, readonly Uint8Array[] | TradingStateError>> {
  const ids = idsOf(keys, collection, all);
  const logs = new Map<string, readonly Uint8Array[] | TradingStateError>();
  for (let from = 0; from < ids.length; from += CHUNK) {
    const chunk = ids.slice(from, from + CHUNK);
    const lists = await reader.lists(chunk.map((id) => keys.item(collection, id)));
    for (const [index, id] of chunk.entries()) logs.set(id, lists[index]!);
  }
  return logs;
}

function idsOf(keys: Keys, collection: Collection, all: readonly string[]): string[] {
  const start = keys.collection(collection);
  return all.filter((key) => key.startsWith(start)).map((key) => keys.idOf(collection, key));
}

function withoutRepeats(log: readonly Uint8Array[]): readonly Uint8Array[] {
  const seen = new Set<string>();
  return log.filter((bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    return !seen.has(text) && seen.add(text);
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

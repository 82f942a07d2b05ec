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
import { OWN_SETS, setsOfOrder, setsOfPosition, type Layout } from './layout.ts';
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
  const others = input.hasOwnSets ? await checkOwnSets(input, keys) : [];
  const findings = [...orders.findings, ...positions.findings, ...others];
  const repairs = findings.filter(({ repair }) => repair !== undefined && repair.length > 0);
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

async function checkOrders(
  { reader, layout, keys, hasOwnSets }: IntegrityInput,
  all: readonly string[],
): Promise<Checked> {
  const sets = await readSets(reader, ORDER_SETS);
  const hashes = await readHashes(reader);
  const venueIds: ReadonlyMap<string, string> = hashes.get('order_ids') ?? new Map();
  // Today's NautilusTrader does not keep them.
  const hasVenueIds = hasOwnSets || venueIds.size > 0;
  const logs = await readLogs(reader, keys, 'orders', all);
  const named = [...sets.values(), ...hashes.values()].flatMap((index) => [...index.keys()]);
  const findings: Finding[] = [];
  for (const id of new Set([...logs.keys(), ...named])) {
    const log = logs.get(id);
    const about = { collection: 'orders' as const, id };
    if (log === undefined) {
      const { commands } = layout.deleteOrder(id);
      findings.push({
        ...about,
        kind: 'ghost',
        detail: 'is in an index, but has no events',
        repair: commands,
      });
      continue;
    }
    if (log instanceof TradingStateError) {
      findings.push({ ...about, kind: 'unreadable', detail: log.message });
      continue;
    }
    const once = withoutRepeats(log);
    try {
      const order = reader.replayOrder(id, once);
      if (once.length < log.length) {
        findings.push(repeated(about, log.length - once.length, keys.item('orders', id), once));
      }
      const wrong = misplaced(id, setsOfOrder(order.state), sets);
      const { status, venueOrderId } = order.state;
      if (venueOrderId !== null && hasVenueIds && venueIds.get(id) !== venueOrderId) wrong.push('order_ids');
      if (wrong.length > 0) {
        const kind = sets.get('orders')!.has(id) ? 'misplaced' : 'unindexed';
        const detail = `${status}, but wrong in ${wrong.join(', ')}`;
        findings.push({ ...about, kind, detail, repair: layout.orderIndexes(order.state) });
      }
    } catch (error) {
      findings.push({ ...about, kind: 'unreadable', detail: messageOf(error) });
    }
  }
  return { count: logs.size, findings };
}

async function checkPositions(
  { reader, layout, keys }: IntegrityInput,
  all: readonly string[],
): Promise<Checked> {
  const sets = await readSets(reader, POSITION_SETS);
  const logs = await readLogs(reader, keys, 'positions', all);
  const instruments: ReadonlyMap<string, Instrument> = await reader.instruments();
  const named = [...sets.values()].flatMap((index) => [...index.keys()]);
  const findings: Finding[] = [];
  for (const id of new Set([...logs.keys(), ...named])) {
    const log = logs.get(id);
    const about = { collection: 'positions' as const, id };
    if (log === undefined) {
      const { commands } = layout.deletePosition(id);
      findings.push({
        ...about,
        kind: 'ghost',
        detail: 'is in an index, but has no fills',
        repair: commands,
      });
      continue;
    }
    if (log instanceof TradingStateError) {
      findings.push({ ...about, kind: 'unreadable', detail: log.message });
      continue;
    }
    const once = withoutRepeats(log);
    try {
      const fills = reader.decodeFills(id, once);
      const position = reader.replayPosition(id, fills, instruments.get(fills[0]!.instrumentId));
      if (position.events.length < once.length) {
        // An old writer went on with the log where a new cycle should have replaced it.
        const detail = `the log has ${once.length - position.events.length} fills of cycles that have ended`;
        findings.push({ ...about, kind: 'repeated', detail, repair: layout.position(position).commands });
      } else if (once.length < log.length) {
        findings.push(repeated(about, log.length - once.length, keys.item('positions', id), once));
      }
      const wrong = misplaced(id, setsOfPosition(position.state), sets);
      if (wrong.length > 0) {
        const kind = sets.get('positions')!.has(id) ? 'misplaced' : 'unindexed';
        const detail = `${position.state.side}, but wrong in ${wrong.join(', ')}`;
        findings.push({ ...about, kind, detail, repair: layout.positionIndexes(position.state) });
      }
    } catch (error) {
      const kind = error instanceof NotFoundError ? 'incomplete' : 'unreadable';
      findings.push({ ...about, kind, detail: messageOf(error) });
    }
  }
  return { count: logs.size, findings };
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

/** Names of the sets that have the id and should not, or should have it and do not. */
function misplaced(
  id: string,
  wanted: Readonly<Record<string, boolean>>,
  sets: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  return Object.keys(wanted).filter((name) => sets.get(name)!.has(id) !== wanted[name]);
}

function withoutRepeats(log: readonly Uint8Array[]): readonly Uint8Array[] {
  const seen = new Set<string>();
  return log.filter((bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    return !seen.has(text) && seen.add(text);
  });
}

function repeated(
  about: Pick<Finding, 'collection' | 'id'>,
  count: number,
  key: string,
  once: readonly Uint8Array[],
): Finding {
  return {
    ...about,
    kind: 'repeated',
    detail: `the log has ${count} events twice`,
    repair: [{ type: 'delete', key }, ...once.map((value) => ({ type: 'append' as const, key, value }))],
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

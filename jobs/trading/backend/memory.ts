import { ConflictError } from '../errors.ts';
import {
  RECENT_ITEMS,
  type AtomicWrite,
  type Command,
  type Guard,
  type Outcome,
  type ReadRequest,
  type StateBackend,
  type Stored,
} from './backend.ts';
import { planBeginning } from './beginning.ts';
import { conflict, notFound, wrongType } from './outcomes.ts';

type Value =
  | { readonly type: 'string'; value: Uint8Array }
  | { readonly type: 'list'; readonly value: Uint8Array[] }
  | { readonly type: 'hash'; readonly value: Map<string, Uint8Array> }
  | { readonly type: 'set'; readonly value: Set<string> };

/** What a key that is not there reads as. */
const EMPTY: { readonly [T in ReadRequest['type']]: Stored } = {
  string: { type: 'string', value: undefined },
  list: { type: 'list', value: [] },
  hash: { type: 'hash', value: new Map() },
  set: { type: 'set', value: new Set() },
};

/** The type of value that a command needs where the key is there. */
const TYPE_OF: { readonly [T in Command['type']]: ReadRequest['type'] | undefined } = {
  set: undefined,
  delete: undefined,
  append: 'list',
  addMember: 'set',
  removeMember: 'set',
  setField: 'hash',
  removeField: 'hash',
};

function copy(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

/** State in the memory of the process: for tests, and for runs that need no restart. */
export class MemoryBackend implements StateBackend {
  readonly url = 'memory:';
  readonly #values = new Map<string, Value>();

  async apply(writes: readonly AtomicWrite[]): Promise<readonly Outcome[]> {
    return writes.map((write) => this.#apply(write));
  }

  #apply(write: AtomicWrite): Outcome {
    const { guard, always = [] } = write;
    let commands: readonly Command[] = [...always, ...write.commands];
    if (guard !== undefined) {
      const found = this.#values.get(guard.key);
      if (found !== undefined && found.type !== 'list') return wrongType(guard.key, 'list', found.type);
      if (guard.type === 'begins') {
        const plan = planBeginning(guard, write, found?.value ?? []);
        if (plan instanceof ConflictError) return plan;
        commands = plan;
      } else {
        const verdict = this.#check(guard, found?.value);
        if (verdict !== 'go') return verdict;
      }
    }
    for (const { type, key } of commands) {
      const wanted = TYPE_OF[type];
      const found = this.#values.get(key)?.type;
      if (wanted !== undefined && found !== undefined && found !== wanted)
        return wrongType(key, wanted, found);
    }
    for (const command of commands) this.#run(command);
    return undefined;
  }

  #check(guard: Exclude<Guard, { type: 'begins' }>, list: readonly Uint8Array[] | undefined): 'go' | Outcome {
    const { key, value } = guard;
    const isValue = (item: Uint8Array | undefined): boolean =>
      item !== undefined && Buffer.compare(item, value) === 0;
    if (guard.type === 'absent') return list?.slice(-RECENT_ITEMS).some(isValue) ? undefined : 'go';
    if (list === undefined) return notFound(key);
    const { length } = list;
    const { after } = guard;
    const [place, position] = guard.type === 'replaces' ? [0, length] : [guard.position, guard.position];
    if (isValue(list[place])) return undefined;
    if (after === undefined) return 'go';
    const follows = length === position && Buffer.from(list.at(-1)!).includes(after);
    return follows ? 'go' : conflict(key, position, length);
  }

  #run(command: Command): void {
    const { key } = command;
    switch (command.type) {
      case 'set':
        this.#values.set(key, { type: 'string', value: copy(command.value) });
        break;
      case 'delete':
        this.#values.delete(key);
        break;
      case 'append':
        this.#ensure(key, { type: 'list', value: new Array<Uint8Array>() }).value.push(copy(command.value));
        break;
      case 'addMember':
        this.#ensure(key, { type: 'set', value: new Set<string>() }).value.add(command.member);
        break;
      case 'setField':
        this.#ensure(key, { type: 'hash', value: new Map<string, Uint8Array>() }).value.set(
          command.field,
          copy(command.value),
        );
        break;
      case 'removeMember':
        this.#remove(key, command.member);
        break;
      case 'removeField':
        this.#remove(key, command.field);
        break;
    }
  }

  #ensure<V extends Value>(key: string, empty: V): V {
    const found = this.#values.get(key);
    if (found !== undefined) return found as V;
    this.#values.set(key, empty);
    return empty;
  }

  #remove(key: string, name: string): void {
    const found = this.#values.get(key);
    if (found?.type !== 'set' && found?.type !== 'hash') return;
    found.value.delete(name);
    if (found.value.size === 0) this.#values.delete(key);
  }

  async read(requests: readonly ReadRequest[]): Promise<readonly Stored[]> {
    return requests.map(({ type, key }) => {
      const found = this.#values.get(key);
      if (found === undefined) return EMPTY[type];
      if (found.type !== type) return { type: 'error', error: wrongType(key, type, found.type) };
      switch (found.type) {
        case 'list':
          return { type: 'list', value: [...found.value] };
        case 'hash':
          return { type: 'hash', value: new Map(found.value) };
        case 'set':
          return { type: 'set', value: new Set(found.value) };
        case 'string':
          return { type: 'string', value: copy(found.value) };
      }
    });
  }

  async scan(prefix: string): Promise<readonly string[]> {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }

  async clear(): Promise<void> {
    this.#values.clear();
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {}
}

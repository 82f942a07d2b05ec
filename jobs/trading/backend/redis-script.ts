import { RECENT_ITEMS, type AtomicWrite, type Command, type Guard } from './backend.ts';
import { toBuffer } from './to-buffer.ts';

/*
 * Some writes of several commands each as one script, which Redis carries out as one unit and puts into its log as one
 * transaction. MULTI would do for the unit, but cannot look before it writes, and takes longer: there is more to send
 * and to read. A call of a script costs both sides as much as what one write does in it, so that writes share it.
 * Numbers in here are lengths and positions only: Lua's numbers are doubles, and would round timestamps.
 *
 * KEYS, for each write: the guard's key, then one per command. ARGV, for each write: how many arguments it has with this
 * one, kind of guard, its value, position and what it follows, one letter per command, then the arguments of the commands
 * one after the other. For the guard `begins` the position is the number of its events, what it follows is the number of
 * commands that always run, and the events with their marks come before the arguments of the commands. The answer is one
 * word per write, with details where it was not carried out.
 *
 * A full server refuses nothing but the first write of a script, and only a command that needs memory. So every write
 * that grows begins with such a command (see `denyable`), and shares no script with writes that only remove: after a DEL
 * the server would take whatever comes.
 */

/** Letters of the commands. APPEND_GUARDED appends the guard's value to its list, which need not be sent twice. */
const LETTERS: Readonly<Record<Command['type'], string>> = {
  set: 's',
  delete: 'd',
  append: 'a',
  addMember: '+',
  removeMember: '-',
  setField: 'f',
  removeField: 'x',
};
const APPEND_GUARDED = 'g';

const is = (letter: string): string => `op == ${letter.codePointAt(0)}`;

export const APPLY_SCRIPT = `
local function check(key, at)
  local guard, value = ARGV[at + 1], ARGV[at + 2]
  if guard == 'none' then return nil end
  local found
  if guard == 'absent' then
    found = redis.pcall('LPOS', key, value, 'RANK', -1, 'MAXLEN', ${RECENT_ITEMS})
    if not found then return nil end
    if type(found) == 'number' then return 'done' end
  elseif guard == 'begins' then
    local count = tonumber(ARGV[at + 3])
    local stored = redis.pcall('LRANGE', key, 0, count)
    if not stored.err then
      for k = 1, math.min(#stored, count) do
        if not string.find(stored[k], ARGV[at + 4 + 2 * k], 1, true) then return 'differs ' .. k - 1 end
      end
      return nil, #stored
    end
  elseif guard == 'replaces' then
    local after = ARGV[at + 4]
    found = redis.pcall('LINDEX', key, 0)
    if found == value then return 'done' end
    local length = redis.pcall('LLEN', key)
    if type(length) == 'number' then
      if length == 0 then return 'missing' end
      if after == '' or string.find(redis.call('LINDEX', key, -1), after, 1, true) then return nil end
      return 'length ' .. length .. ' ' .. length
    end
  else
    local position, after = tonumber(ARGV[at + 3]), ARGV[at + 4]
    if after ~= '' and position > 0 then
      found = redis.pcall('LRANGE', key, position - 1, position)
      if found[2] == value then return 'done' end
      if #found == 1 and string.find(found[1], after, 1, true) then return nil end
    else
      found = redis.pcall('LINDEX', key, position)
      if found == value then return 'done' end
    end
    local length = redis.pcall('LLEN', key)
    if type(length) == 'number' then
      if length == 0 then return 'missing' end
      if after == '' then return nil end
      return 'length ' .. length .. ' ' .. position
    end
  end
  return 'type 1 list ' .. redis.call('TYPE', key).ok
end

-- Types already looked up: nearly all writes of a call change the same few sets.
local types = {}
local function checkTypes(first, ops, last)
  for k = 1, last do
    local op = string.byte(ops, k)
    local wanted
    if ${is('+')} or ${is('-')} then wanted = 'set'
    elseif ${is('a')} then wanted = 'list'
    elseif ${is('f')} or ${is('x')} then wanted = 'hash' end
    local key = KEYS[first + k]
    if wanted and types[key] ~= wanted then
      local found = redis.call('TYPE', key).ok
      if found ~= wanted and found ~= 'none' then return 'type ' .. (k + 1) .. ' ' .. wanted .. ' ' .. found end
      types[key] = wanted
    end
  end
end

-- Whether anything was written: what fails before that has left no trace.
local isDirty = false
local function run(first, ops, last, value, at, stored, events)
  if stored then
    local key, count = KEYS[first], (at - events) / 2
    for k = stored + 1, count do
      redis.call('RPUSH', key, ARGV[events + 2 * k - 1])
      isDirty = true
      types[key] = 'list'
    end
  end
  for k = 1, last do
    local op = string.byte(ops, k)
    local key = KEYS[first + k]
    if ${is('+')} then redis.call('SADD', key, ARGV[at])
    elseif ${is('-')} then redis.call('SREM', key, ARGV[at])
    elseif ${is('g')} then redis.call('RPUSH', key, value); types[key] = 'list'; at = at - 1
    elseif ${is('f')} then redis.call('HSET', key, ARGV[at], ARGV[at + 1]); at = at + 1
    elseif ${is('a')} then redis.call('RPUSH', key, ARGV[at])
    elseif ${is('s')} then redis.call('SET', key, ARGV[at]); types[key] = nil
    elseif ${is('x')} then redis.call('HDEL', key, ARGV[at])
    else redis.call('DEL', key); types[key] = nil; at = at - 1 end
    isDirty = true
    at = at + 1
  end
end

local verdicts = {}
local key, at = 1, 1
while key <= #KEYS do
  local ops = ARGV[at + 5]
  local verdict, stored = check(KEYS[key], at)
  local last, from = #ops, at + 6
  if stored then
    local count = tonumber(ARGV[at + 3])
    if stored > count then last = tonumber(ARGV[at + 4]) end
    from = from + 2 * count
  end
  verdict = verdict or checkTypes(key, ops, last)
  if not verdict then
    local isDone, why = pcall(run, key, ops, last, ARGV[at + 2], from, stored, at + 6)
    verdict = 'ok'
    if not isDone then
      local text = type(why) == 'table' and why.err or tostring(why)
      if isDirty or not string.find(text, 'OOM command', 1, true) then error(why, 0) end
      verdict = 'full'
    end
  end
  verdicts[#verdicts + 1] = verdict
  key = key + 1 + #ops
  at = at + tonumber(ARGV[at])
end
return verdicts
`;

/** Whether a write needs memory, so that a full server must be able to refuse it. */
export function grows({ guard, always = [], commands }: AtomicWrite): boolean {
  return guard?.type === 'begins' || !commands.every(isRemoval) || !always.every(isRemoval);
}

function isRemoval({ type }: Command): boolean {
  return type === 'delete' || type === 'removeMember' || type === 'removeField';
}

/**
 * Commands that grow and begin with a removal, with a command before them that a full server refuses: one that writes
 * what is removed next, and so changes nothing that is seen.
 */
function denyable(commands: readonly Command[]): readonly Command[] {
  const [first] = commands;
  if (first === undefined || !isRemoval(first) || commands.every(isRemoval)) return commands;
  const { key } = first;
  if (first.type === 'removeMember') return [{ ...first, type: 'addMember' }, ...commands];
  if (first.type === 'removeField') return [{ ...first, type: 'setField', value: NOTHING }, ...commands];
  return [{ type: 'set', key, value: NOTHING }, ...commands];
}

const NOTHING = new Uint8Array();

/** One write as a script takes it. */
interface ScriptWrite {
  /** That of its guard first. */
  readonly keys: readonly string[];
  readonly values: readonly (string | Buffer)[];
}

export function toScriptWrite({ guard, always: some = [], commands }: AtomicWrite): ScriptWrite {
  const always = denyable(some);
  const all = always.length === 0 ? denyable(commands) : [...always, ...denyable(commands)];
  // Without a guard the first key says again where the write goes: a cluster has to know it from any key.
  const keys = [guard?.key ?? all[0]!.key];
  const values: (string | Buffer)[] = ['', 'none', '', '', '', ''];
  if (guard !== undefined) pushGuard(values, guard, always.length);
  const appended = guard === undefined || guard.type === 'begins' ? undefined : guard;
  let letters = '';
  for (const command of all) {
    keys.push(command.key);
    if (command.type === 'append' && command.value === appended?.value && command.key === appended.key) {
      letters += APPEND_GUARDED;
    } else {
      letters += LETTERS[command.type];
      pushArguments(values, command);
    }
  }
  values[5] = letters;
  values[0] = String(values.length);
  return { keys, values };
}

function pushGuard(values: (string | Buffer)[], guard: Guard, always: number): void {
  values[1] = guard.type;
  if (guard.type === 'begins') {
    values[3] = String(guard.events.length);
    values[4] = String(always);
    for (const { mark, value } of guard.events) values.push(toBuffer(mark), toBuffer(value));
    return;
  }
  values[2] = toBuffer(guard.value);
  if (guard.type === 'continues') values[3] = String(guard.position);
  if (guard.type !== 'absent' && guard.after !== undefined) values[4] = guard.after;
}

function pushArguments(values: (string | Buffer)[], command: Command): void {
  switch (command.type) {
    case 'set':
    case 'append':
      values.push(toBuffer(command.value));
      break;
    case 'addMember':
    case 'removeMember':
      values.push(command.member);
      break;
    case 'setField':
      values.push(command.field, toBuffer(command.value));
      break;
    case 'removeField':
      values.push(command.field);
      break;
    case 'delete':
      break;
  }
}

import { RECENT_ITEMS, type AtomicWrite, type Command } from './backend.ts';

/*
 * Some writes of several commands each as one script, which Redis carries out as one unit and puts into its log as one
 * transaction. MULTI would do for the unit, but cannot look before it writes, and takes longer: there is more to send
 * and to read. A call of a script costs both sides as much as what one write does in it, so that writes share it.
 * Numbers in here are lengths and positions only: Lua's numbers are doubles, and would round timestamps.
 *
 * KEYS, for each write: the guard's key, then one per command. ARGV, for each write: how many arguments it has with this
 * one, kind of guard, its value, position and what it follows, one letter per command, then the arguments of the commands
 * one after the other. The answer is one word per write, with details where it was not carried out.
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
local function checkTypes(first, ops)
  for k = 1, #ops do
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

local function run(first, ops, value, at)
  for k = 1, #ops do
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
    at = at + 1
  end
end

local verdicts = {}
local key, at = 1, 1
while key <= #KEYS do
  local ops = ARGV[at + 5]
  local verdict = check(KEYS[key], at) or checkTypes(key, ops)
  if not verdict then
    run(key, ops, ARGV[at + 2], at + 6)
    verdict = 'ok'
  end
  verdicts[#verdicts + 1] = verdict
  key = key + 1 + #ops
  at = at + tonumber(ARGV[at])
end
return verdicts
`;

/** Keys of one write in a script: that of its guard first. */
export function keysOf({ guard, commands }: AtomicWrite): string[] {
  // Without a guard the first key says again where the write goes: a cluster has to know it from any key.
  return [guard?.key ?? commands[0]!.key, ...commands.map(({ key }) => key)];
}

/** Arguments of one write in a script. */
export function argumentsOf({ guard, commands }: AtomicWrite): (string | Buffer)[] {
  const values: (string | Buffer)[] = ['', 'none', '', '', '', ''];
  if (guard !== undefined) {
    values[1] = guard.type;
    values[2] = toBuffer(guard.value);
  }
  if (guard?.type === 'continues') values[3] = String(guard.position);
  if (guard !== undefined && guard.type !== 'absent' && guard.after !== undefined) values[4] = guard.after;
  let letters = '';
  for (const command of commands) {
    if (command.type === 'append' && command.value === guard?.value && command.key === guard.key) {
      letters += APPEND_GUARDED;
    } else {
      letters += LETTERS[command.type];
      pushArguments(values, command);
    }
  }
  values[5] = letters;
  values[0] = String(values.length);
  return values;
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

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

import { RECENT_ITEMS, type AtomicWrite, type Command } from './backend.ts';

/*
 * One write of several commands as a script, which Redis carries out as one unit and puts into its log as one
 * transaction. MULTI would do for the unit, but cannot look before it writes, and takes longer: there is more to send
 * and to read. Numbers in here are lengths and positions only: Lua's numbers are doubles, and would round timestamps.
 *
 * KEYS: the guard's key, then one per command. ARGV: kind of guard, its value, position and what it follows, one letter
 * per command, then the arguments of the commands one after the other.
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
local list = KEYS[1]
local guard = ARGV[1]
if guard ~= 'none' then
  local length = redis.pcall('LLEN', list)
  if type(length) == 'table' then return 'type 1 list ' .. redis.call('TYPE', list).ok end
  if guard == 'absent' then
    if redis.call('LPOS', list, ARGV[2], 'RANK', -1, 'MAXLEN', ${RECENT_ITEMS}) then return 'done' end
  else
    if length == 0 then return 'missing' end
    local position = tonumber(ARGV[3])
    if length > position and redis.call('LINDEX', list, position) == ARGV[2] then return 'done' end
    local after = ARGV[4]
    if after ~= '' then
      if length ~= position or not string.find(redis.call('LINDEX', list, -1), after, 1, true) then
        return 'length ' .. length .. ' ' .. position
      end
    end
  end
end
local ops = ARGV[5]
for k = 2, #KEYS do
  local op = string.byte(ops, k - 1)
  local wanted
  if ${is('+')} or ${is('-')} then wanted = 'set'
  elseif ${is('a')} then wanted = 'list'
  elseif ${is('f')} or ${is('x')} then wanted = 'hash' end
  if wanted then
    local found = redis.call('TYPE', KEYS[k]).ok
    if found ~= wanted and found ~= 'none' then return 'type ' .. k .. ' ' .. wanted .. ' ' .. found end
  end
end
local at = 6
for k = 2, #KEYS do
  local op = string.byte(ops, k - 1)
  local key = KEYS[k]
  if ${is('+')} then redis.call('SADD', key, ARGV[at])
  elseif ${is('-')} then redis.call('SREM', key, ARGV[at])
  elseif ${is('g')} then redis.call('RPUSH', key, ARGV[2]); at = at - 1
  elseif ${is('f')} then redis.call('HSET', key, ARGV[at], ARGV[at + 1]); at = at + 1
  elseif ${is('a')} then redis.call('RPUSH', key, ARGV[at])
  elseif ${is('s')} then redis.call('SET', key, ARGV[at])
  elseif ${is('x')} then redis.call('HDEL', key, ARGV[at])
  else redis.call('DEL', key); at = at - 1 end
  at = at + 1
end
return 'ok'
`;

/** Keys and arguments of the script for one write. */
export function scriptArguments({ guard, commands }: AtomicWrite): {
  keys: readonly string[];
  values: readonly (string | Buffer)[];
} {
  // Without a guard the first key says again where the write goes: a cluster has to know it from any key.
  const keys = [guard?.key ?? commands[0]!.key];
  const values: (string | Buffer)[] = ['none', '', '', '', ''];
  if (guard !== undefined) {
    values[0] = guard.type;
    values[1] = toBuffer(guard.value);
  }
  if (guard?.type === 'continues') {
    values[2] = String(guard.position);
    if (guard.after !== undefined) values[3] = guard.after;
  }
  let letters = '';
  for (const command of commands) {
    keys.push(command.key);
    if (command.type === 'append' && command.value === guard?.value && command.key === guard.key) {
      letters += APPEND_GUARDED;
    } else {
      letters += LETTERS[command.type];
      pushArguments(values, command);
    }
  }
  values[4] = letters;
  return { keys, values };
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

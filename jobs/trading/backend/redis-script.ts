import { RECENT_ITEMS, type AtomicWrite, type Command } from './backend.ts';

/*
 * One write of several commands as a script, which Redis carries out as one unit and puts into its log as one
 * transaction. MULTI would do for the unit, but cannot look before it writes. Numbers in here are lengths and
 * positions only: Lua's numbers are doubles, and would round timestamps.
 *
 * KEYS: the guard's key, then one per command. ARGV: kind of guard, its value, position and length, then for each
 * command its name, the type its key must have, the number of arguments, and these.
 */
export const APPLY_SCRIPT = `
local list = KEYS[1]
local guard = ARGV[1]
if guard ~= 'none' then
  local found = redis.call('TYPE', list).ok
  if found ~= 'list' and found ~= 'none' then return 'type 1 list ' .. found end
end
if guard == 'absent' then
  if redis.call('LPOS', list, ARGV[2], 'RANK', -1, 'MAXLEN', ${RECENT_ITEMS}) then return 'done' end
elseif guard == 'continues' then
  local length = redis.call('LLEN', list)
  if length == 0 then return 'missing' end
  local position = tonumber(ARGV[3])
  if length > position and redis.call('LINDEX', list, position) == ARGV[2] then return 'done' end
  if ARGV[4] ~= '' and length ~= tonumber(ARGV[4]) then return 'length ' .. length .. ' ' .. ARGV[4] end
end
local at = 5
for k = 2, #KEYS do
  local wanted = ARGV[at + 1]
  if wanted ~= '' then
    local found = redis.call('TYPE', KEYS[k]).ok
    if found ~= wanted and found ~= 'none' then return 'type ' .. k .. ' ' .. wanted .. ' ' .. found end
  end
  at = at + 3 + tonumber(ARGV[at + 2])
end
at = 5
for k = 2, #KEYS do
  local count = tonumber(ARGV[at + 2])
  if count == 0 then redis.call(ARGV[at], KEYS[k])
  elseif count == 1 then redis.call(ARGV[at], KEYS[k], ARGV[at + 3])
  else redis.call(ARGV[at], KEYS[k], ARGV[at + 3], ARGV[at + 4]) end
  at = at + 3 + count
end
return 'ok'
`;

/** Keys and arguments of the script for one write. */
export function scriptArguments({ guard, commands }: AtomicWrite): {
  keys: string[];
  arguments: (string | Buffer)[];
} {
  // Without a guard the first key says again where the write goes: a cluster has to know it from any key.
  const keys = [guard?.key ?? commands[0]!.key];
  const values: (string | Buffer)[] = [guard?.type ?? 'none', '', '', ''];
  if (guard !== undefined) values[1] = toBuffer(guard.value);
  if (guard?.type === 'continues') {
    values[2] = String(guard.position);
    values[3] = guard.length === undefined ? '' : String(guard.length);
  }
  for (const command of commands) {
    keys.push(command.key);
    values.push(...COMMANDS[command.type], ...argumentsOf(command));
  }
  return { keys, arguments: values };
}

/** Name, type of the key, number of arguments. */
const COMMANDS: Readonly<Record<Command['type'], readonly [string, string, string]>> = {
  set: ['SET', '', '1'],
  delete: ['DEL', '', '0'],
  append: ['RPUSH', 'list', '1'],
  addMember: ['SADD', 'set', '1'],
  removeMember: ['SREM', 'set', '1'],
  setField: ['HSET', 'hash', '2'],
  removeField: ['HDEL', 'hash', '1'],
};

function argumentsOf(command: Command): (string | Buffer)[] {
  switch (command.type) {
    case 'set':
    case 'append':
      return [toBuffer(command.value)];
    case 'addMember':
    case 'removeMember':
      return [command.member];
    case 'setField':
      return [command.field, toBuffer(command.value)];
    case 'removeField':
      return [command.field];
    case 'delete':
      return [];
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

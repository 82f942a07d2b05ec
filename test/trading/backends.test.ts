import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from '@jest/globals';
import type { Command } from '../../jobs/trading/backend/backend.ts';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { RedisBackend } from '../../jobs/trading/backend/redis.ts';
import { SqliteBackend } from '../../jobs/trading/backend/sqlite.ts';
import { BackendError, ConfigError, UnavailableError, WrongTypeError } from '../../jobs/trading/errors.ts';
import { tradingBackendContract } from '../contracts/trading-backend.ts';
import { describeWith } from '../support/describe-with.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startRedis } from '../support/redis-process.ts';
import { useRedis } from '../support/redis.ts';

const folder = temporaryFolder();
const newFile = (): string => join(folder, `${randomUUID()}.db`);
const append = (key: string, text: string) => ({
  commands: [{ type: 'append' as const, key, value: Buffer.from(text) }],
});

describe('memory', () => {
  tradingBackendContract(async () => new MemoryBackend());
});

describe('SQLite', () => {
  const options = { synchronous: 'NORMAL', mustExist: false, busyTimeoutMs: 50 } as const;
  tradingBackendContract(async () => new SqliteBackend(newFile(), options));

  test('makes the folder of its file, unless the file has to be there', () => {
    const path = join(folder, 'some/where/state.db');
    expect(() => new SqliteBackend(path, { ...options, mustExist: true })).toThrow(
      /no trading state "sqlite:.*" yet/,
    );
    new SqliteBackend(path, options).close();
    new SqliteBackend(path, { ...options, mustExist: true }).close();
  });

  test('names a file that is no database, and a folder', () => {
    const path = newFile();
    writeFileSync(path, 'not a database, and long enough to be taken for one '.repeat(20));
    expect(() => new SqliteBackend(path, options)).toThrow(BackendError);
    expect(() => new SqliteBackend(path, options)).toThrow(/cannot open "sqlite:.*": file is not a database/);
    mkdirSync(`${path}.d`);
    expect(() => new SqliteBackend(`${path}.d`, options)).toThrow(BackendError);
  });

  test('a file that another process holds is unavailable, and nothing of the writes happens', async () => {
    const path = newFile();
    const backend = new SqliteBackend(path, options);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const outcomes = await backend.apply([append('a', 'x'), append('b', 'y')]);
    expect(outcomes.map((outcome) => outcome?.constructor)).toEqual([UnavailableError, UnavailableError]);
    other.exec('ROLLBACK');
    expect(await backend.scan('')).toEqual([]);
    expect(await backend.apply([append('a', 'x')])).toEqual([undefined]);
    other.close();
    await backend.close();
    await expect(backend.scan('')).rejects.toThrow(BackendError);
  });
});

describeWith('Redis', 'Redis', () => {
  const redis = useRedis();
  const connect = async (changes: object = {}): Promise<RedisBackend> => {
    const backend = new RedisBackend({
      host: '127.0.0.1',
      port: redis.server().port,
      database: 0,
      username: undefined,
      password: undefined,
      ssl: false,
      timeoutMs: 5000,
      allowEviction: false,
      ...changes,
    });
    await backend.ready(1000);
    return backend;
  };
  tradingBackendContract(async () => {
    const backend = await connect();
    await backend.clear();
    return backend;
  });

  test('keeps databases apart, and says where it is without the password', async () => {
    const [zero, one] = [await connect(), await connect({ database: 1 })];
    await zero.apply([append('a', 'x')]);
    expect(await one.scan('')).toEqual([]);
    expect(one.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+\/1$/);
    await Promise.all([zero.close(), one.close()]);
  });

  test('a command on a key of another type is a WrongTypeError, and nothing of the write happens', async () => {
    const backend = await connect();
    await backend.clear();
    await backend.apply([append('log', 'x')]);
    const [outcome] = await backend.apply([
      {
        commands: [
          { type: 'addMember', key: 'set', member: 'x' },
          { type: 'addMember', key: 'log', member: 'x' },
        ],
      },
    ]);
    expect(outcome).toBeInstanceOf(WrongTypeError);
    expect(outcome!.message).toBe('"log" holds a list, not a set');
    expect(await backend.scan('')).toEqual(['log']);
    await backend.close();
  });

  test('a key that changes its type between writes of one call is looked at again', async () => {
    const backend = await connect();
    await backend.clear();
    const member: Command = { type: 'addMember', key: 'x', member: 'm' };
    const field: Command = { type: 'setField', key: 'x', field: 'f', value: Buffer.from('1') };
    const text: Command = { type: 'set', key: 'x', value: Buffer.from('t') };
    const writes: [Command, isDone: boolean][] = [
      [member, true],
      [field, false],
      [member, true],
      [text, true],
      [member, false],
      [{ type: 'delete', key: 'x' }, true],
      [field, true],
      [member, false],
      [{ type: 'removeField', key: 'x', field: 'f' }, true],
      [member, true],
      [{ type: 'removeMember', key: 'x', member: 'm' }, true],
      [append('x', 'i').commands[0]!, true],
      [member, false],
      [field, false],
    ];
    const outcomes = await backend.apply(writes.map(([command]) => ({ commands: [command] })));
    expect(outcomes.map((outcome) => outcome === undefined)).toEqual(writes.map(([, isDone]) => isDone));
    for (const outcome of outcomes) if (outcome !== undefined) expect(outcome).toBeInstanceOf(WrongTypeError);
    expect(await backend.read([{ type: 'list', key: 'x' }])).toEqual([
      { type: 'list', value: [Buffer.from('i')] },
    ]);
    await backend.close();
  });

  test('a key that a guarded append made a list is not taken for the set that it was', async () => {
    const backend = await connect();
    await backend.clear();
    const item = Buffer.from('i');
    const member: Command = { type: 'addMember', key: 'x', member: 'm' };
    const outcomes = await backend.apply([
      { commands: [member] },
      { commands: [{ type: 'removeMember', key: 'x', member: 'm' }] },
      {
        guard: { type: 'absent', key: 'x', value: item },
        commands: [{ type: 'append', key: 'x', value: item }],
      },
      { commands: [member] },
    ]);
    expect(outcomes.map((outcome) => outcome?.constructor)).toEqual([
      undefined,
      undefined,
      undefined,
      WrongTypeError,
    ]);
    await backend.close();
  });

  test('goes on when somebody has emptied the cache of scripts', async () => {
    const backend = await connect();
    await backend.clear();
    const { createClient } = await import('redis');
    const other = createClient({ url: redis.server().url });
    await other.connect();
    await other.scriptFlush();
    const writes = Array.from({ length: 50 }, (_, index) => append('log', String(index)));
    expect(await backend.apply(writes)).toEqual(writes.map(() => undefined));
    expect(await other.lRange('log', 0, -1)).toEqual(writes.map((_, index) => String(index)));
    await Promise.all([other.close(), backend.close()]);
  });

  test('wrong credentials are a ConfigError; nobody there is unavailable', async () => {
    const place = join(folder, 'with-password');
    mkdirSync(place);
    const server = await startRedis(place, 'none', '--requirepass', 'secret');
    try {
      await expect(connect({ port: server.port })).rejects.toThrow(ConfigError);
      await expect(connect({ port: server.port, password: 'wrong' })).rejects.toThrow(
        /refuses these credentials/,
      );
      const backend = await connect({ port: server.port, password: 'secret' });
      expect(await backend.apply([append('a', 'x')])).toEqual([undefined]);
      await backend.close();
    } finally {
      await server.kill();
    }
    const nobody = connect({ port: server.port });
    await expect(nobody).rejects.toThrow(UnavailableError);
    await expect(nobody).rejects.toThrow(/cannot reach "redis:\/\/127\.0\.0\.1:\d+\/0": .*ECONNREFUSED/);
  });

  test('a server without memory left says so, and nothing of the write happens', async () => {
    const place = join(folder, 'small');
    mkdirSync(place);
    const server = await startRedis(place, 'none', '--maxmemory', '1', '--maxmemory-policy', 'noeviction');
    try {
      const backend = await connect({ port: server.port });
      const [outcome] = await backend.apply([append('a', 'x')]);
      expect(outcome).toBeInstanceOf(BackendError);
      expect(outcome!.message).toMatch(/OOM/);
      expect(await backend.scan('')).toEqual([]);
      await backend.close();
    } finally {
      await server.kill();
    }
  });
});

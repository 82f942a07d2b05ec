import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { MemoryBackend } from '../../jobs/trading/backend/memory.ts';
import { openBackend } from '../../jobs/trading/backend/open-backend.ts';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { ConfigError } from '../../jobs/trading/errors.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

describe('CacheDatabaseConfig', () => {
  test('has a default for everything', () => {
    expect(new CacheDatabaseConfig().settings).toMatchObject({
      type: 'sqlite',
      path: 'data/cache/trading.db',
      synchronous: 'FULL',
      timeout: 20,
      useTraderPrefix: true,
      useInstanceId: false,
      flushOnStart: false,
      allowEviction: false,
      timestampsAsStr: true,
      timestampsAsIso8601: false,
      layout: 'own',
    });
  });

  test.each([
    ['memory:', { type: 'memory' }],
    ['sqlite:state.db', { type: 'sqlite', path: 'state.db' }],
    ['redis://host', { type: 'redis', host: 'host', port: 6379, ssl: false, database: 0 }],
    ['rediss://u%40x:p@host:7000/3', { host: 'host', port: 7000, ssl: true, username: 'u@x', database: 3 }],
    ['redis://[::1]:7000', { host: '::1', port: 7000 }],
    [
      'redis://host?layout=nautilus&useHashTag=true&useTraderPrefix=false&allowEviction=true',
      { layout: 'nautilus', useHashTag: true, useTraderPrefix: false, allowEviction: true },
    ],
  ])('reads %s', (url, settings) => {
    expect(CacheDatabaseConfig.fromUrl(url).settings).toMatchObject(settings);
  });

  test.each([
    'sqlite:',
    'http://host',
    'redis://',
    'redis:host',
    'redis://host:99999',
    'redis://host/x',
    'redis://host?nope=1',
    'redis://host?layout=other',
  ])('refuses %s', (url) => {
    expect(() => CacheDatabaseConfig.fromUrl(url)).toThrow(ConfigError);
  });

  test.each([
    [{ port: 0 }, /^port of the trading state is not usable/],
    [{ timeout: -1 }, /^timeout/],
    [{ bufferIntervalMs: 0.5 }, /^bufferIntervalMs/],
    [{ nope: 1 } as object, /nope/],
  ])('refuses the settings %j', (settings, message) => {
    expect(() => new CacheDatabaseConfig(settings)).toThrow(message);
    expect(() => new CacheDatabaseConfig(settings)).toThrow(ConfigError);
  });

  test('does not show its password', () => {
    const config = CacheDatabaseConfig.fromUrl('redis://user:secret@host');
    expect(config.password).toBe('secret');
    expect(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config)).not.toContain('secret');
  });

  test.each([
    'http://user:secret@host',
    'redis://user:s/secret@host',
    'redis://user:1/secret@host',
    'redis://:1?secret@host',
    'redis://:1#secret@host/0',
    'redis://user:50%secret@host',
    'redis://user:x@secret/1/2@host',
    'redis:user:secret@host',
    'redis//user:secret@host',
    'redis://host?password=secret',
    'redis://host/x?password=secret',
    'http://host?password=secret',
  ])('does not show the password of %s, which is refused', (url) => {
    expect(() => CacheDatabaseConfig.fromUrl(url)).toThrow(ConfigError);
    expect(() => CacheDatabaseConfig.fromUrl(url)).toThrow(/^(?!.*secret)/);
  });

  test('takes any sign in a password that is written as URLs want it', () => {
    const password = 'p@s/s?w#o%rd:';
    const config = CacheDatabaseConfig.fromUrl(`redis://user:${encodeURIComponent(password)}@host/3`);
    expect(config.password).toBe(password);
  });
});

describe('opening', () => {
  const open = (
    settings: object,
    log?: unknown,
    backend = new MemoryBackend(),
  ): Promise<TradingStateDatabase> =>
    TradingStateDatabase.open('T-1', new CacheDatabaseConfig({ type: 'memory', ...settings }), {
      backend,
      ...(log === undefined ? {} : { log: log as never }),
    });

  test('warns of a buffer that keeps writes for more than a second', async () => {
    const lines: string[] = [];
    const log = { warn: (_fields: object, message: string) => lines.push(message) };
    await open({ bufferIntervalMs: 1000 }, log);
    expect(lines).toEqual([]);
    await open({ bufferIntervalMs: 1001 }, log);
    expect(lines).toEqual(['bufferIntervalMs 1001 leaves writes unsaved for more than a second']);
  });

  test('a later version of the layout is refused', async () => {
    const backend = new MemoryBackend();
    await backend.apply([
      { commands: [{ type: 'set', key: 'trader-T-1:meta:schema', value: Buffer.from('2') }] },
    ]);
    await expect(open({}, undefined, backend)).rejects.toThrow(/has version "2", which is not known here/);
  });

  test('what could not be opened is closed again', async () => {
    const path = join(folder, 'later.db');
    const config = new CacheDatabaseConfig({ path });
    const backend = await openBackend(config);
    await backend.apply([
      { commands: [{ type: 'set', key: 'trader-T-1:meta:schema', value: Buffer.from('2') }] },
    ]);
    await backend.close();
    await expect(TradingStateDatabase.open('T-1', config)).rejects.toThrow(ConfigError);
    // The last one who closes a database takes its log away.
    expect(existsSync(path)).toBe(true);
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  test('a hash tag keeps the keys of a trader together', async () => {
    const backend = new MemoryBackend();
    const db = await open({ useHashTag: true }, undefined, backend);
    await db.add('k', Buffer.from('v'));
    expect((await backend.scan('')).every((name) => name.startsWith('trader-{T-1}:'))).toBe(true);
    expect([...(await db.load()).keys()]).toEqual(['k']);
  });
});

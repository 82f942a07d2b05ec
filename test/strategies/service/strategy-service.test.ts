import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { seal } from '../../../jobs/store/envelope.ts';
import { CacheUnavailableError, CacheWriteError, KeyFormatError } from '../../../jobs/store/errors.ts';
import { CacheEvents, type CacheEvent } from '../../../jobs/store/events.ts';
import type { CacheLevel } from '../../../jobs/store/level.ts';
import { MemoryLevel } from '../../../jobs/store/memory-level.ts';
import { nameToKey } from '../../../jobs/store/names.ts';
import { workspaceFolder } from '../../../jobs/store/workspace.ts';
import { NotBuiltError, UnknownStrategyError } from '../../../jobs/strategies/errors.ts';
import { cachedStrategy, createStrategyAndCache } from '../../../jobs/strategies/service/cached-strategy.ts';
import { lazyStrategyService } from '../../../jobs/strategies/service/lazy-strategy-service.ts';
import { NoopStrategyService } from '../../../jobs/strategies/service/noop-strategy-service.ts';
import { strategyKey } from '../../../jobs/strategies/service/strategy-key.ts';
import type { StrategyServiceLike } from '../../../jobs/strategies/service/strategy-service-like.ts';
import type { Strategy } from '../../../jobs/strategies/strategy.ts';
import { awsEndpoint, createBucket } from '../../support/aws.ts';
import {
  built,
  ENV_DATE,
  HASH,
  OTHER_HASH,
  serviceOf,
  stockOf,
  TICKERS,
} from '../../support/built-strategies.ts';
import {
  breakableLevel,
  cacheOver,
  newS3Level,
  newSqliteLevel,
  TEAM,
  testClock,
  type TestClock,
} from '../../support/caches.ts';
import { describeWith } from '../../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';
import { temporaryFolder } from '../../support/folders.ts';

const folder = temporaryFolder();
const NAME = 'AAPL REINV STRATEGY';
const KEY = `${NAME}|2022-01-30T00:00:00+00:00||${HASH}`;
const keyOf = (name: string, envDate = ENV_DATE, envHash = HASH): string =>
  strategyKey.generate({ name, envDate, envHash });

let clock: TestClock;
beforeEach(() => {
  clock = testClock();
});

async function bitsOf(strategy: Strategy): Promise<unknown> {
  const { dates, levels } = await strategy.history();
  return [dates, new BigUint64Array(levels.buffer, levels.byteOffset, levels.length)];
}

async function listed(level: CacheLevel): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of level.list('')) keys.push(key);
  return keys;
}

/** What a service does wherever it keeps things. */
function strategyServiceSuite(openDurable: () => CacheLevel): void {
  let durable: CacheLevel;
  beforeEach(() => {
    durable = openDurable();
  });
  /** A process of its own: memory is empty. */
  const open = (over: Parameters<typeof serviceOf>[1] = {}): ReturnType<typeof serviceOf> =>
    serviceOf(cacheOver(durable, clock).cache, over);

  test('6 cacheStrategy of a list gives keys in its order, of a single one a text', async () => {
    const service = open();
    const four = await Promise.all(TICKERS.map(built));
    expect(await service.cacheStrategy(four)).toEqual(
      TICKERS.map((ticker) => keyOf(`${ticker} REINV STRATEGY`)),
    );
    expect(await service.cacheStrategy(four[0]!)).toBe(KEY);
    expect(await service.cacheStrategy([])).toEqual([]);
  });

  test('7 an unbuilt one is a NotBuiltError, and none of the batch is written at any level', async () => {
    const { cache, memory } = cacheOver(durable, clock);
    const batch = [await built('AAPL'), stockOf('MSFT')];
    await expect(serviceOf(cache).cacheStrategy(batch)).rejects.toThrow(NotBuiltError);
    await expect(serviceOf(cache).cacheStrategy(batch)).rejects.toThrow(/"MSFT REINV STRATEGY" is not built/);
    expect([await listed(durable), await listed(memory)]).toEqual([[], []]);
  });

  test('one of a class that nobody could have back is an UnknownStrategyError, and none of the batch is written', async () => {
    const own = { ...strategyLike(await built('MSFT')), type: 'MyStrategy' };
    await expect(open().cacheStrategy([await built('AAPL'), own])).rejects.toThrow(UnknownStrategyError);
    await expect(
      open().cacheStrategy({ ...own, type: 'ReinvestmentStrategy', typeVersion: 2 }),
    ).rejects.toThrow(/version 2 of ReinvestmentStrategy/);
    expect(await listed(durable)).toEqual([]);
  });

  test('8 a persisted unbuilt blob is a NotBuiltError when it is got', async () => {
    const strategy = await built('AAPL');
    const { name, type, typeVersion, recipe } = strategy;
    const place = nameToKey(workspaceFolder(TEAM, 'strategies'), KEY);
    const meta = { key: place, createdAtMs: 0, expiresAtMs: null, creator: 'x', about: {} };
    const bytes = await seal(meta, { name, type, typeVersion, recipe, state: null });
    await durable.put(place, { bytes, expiresAtMs: undefined });
    await expect(open().getStrategyByName(NAME)).rejects.toThrow(NotBuiltError);
    await expect(open().getStrategyByKey(KEY)).rejects.toThrow(/not built/);
  });

  test('9 a new service with an empty memory and the same environment gives an equal history, bit for bit', async () => {
    const strategy = await built('AAPL');
    await open().cacheStrategy(strategy);
    const back = (await open().getStrategyByName(NAME))!;
    expect(back.isBuilt).toBe(true);
    expect(await bitsOf(back)).toEqual(await bitsOf(strategy));
    expect(back.state()).toEqual(strategy.state());
    expect(back).toMatchObject({ name: NAME, type: strategy.type, recipe: strategy.recipe });
  });

  test('10 with the next environment date there is none', async () => {
    await open().cacheStrategy(await built('AAPL'));
    expect(await open({ envDate: '2022-01-31' }).getStrategyByName(NAME)).toBeUndefined();
  });

  test('11 with the same date and another hash there is none by name, and it is found by key', async () => {
    const key = await open().cacheStrategy(await built('AAPL'));
    const other = open({ envHash: OTHER_HASH });
    expect(await other.getStrategyByName(NAME)).toBeUndefined();
    expect(await bitsOf((await other.getStrategyByKey(key))!)).toEqual(await bitsOf(await built('AAPL')));
  });

  test("12 explainMiss says 'date' or 'hash'", async () => {
    const key = await open().cacheStrategy(await built('AAPL'));
    await open().cacheStrategy(await built('AAPLX'));
    expect(await open().explainMiss(NAME)).toBeUndefined();
    expect(await open({ envDate: '2022-01-31' }).explainMiss(NAME)).toEqual({
      differs: 'date',
      candidates: [key],
    });
    expect(await open({ envHash: OTHER_HASH }).explainMiss(NAME)).toEqual({
      differs: 'hash',
      candidates: [key],
    });
    const both = { envDate: '2022-01-31', envHash: OTHER_HASH };
    expect(await open(both).explainMiss(NAME)).toEqual({ differs: 'date and hash', candidates: [key] });
    expect(await open().explainMiss('NFLX REINV STRATEGY')).toEqual({ differs: 'absent', candidates: [] });
  });

  test("13 getKeysByPrefix('AAPL') gives all dates and hashes, also AAPLX, sorted; '' gives all", async () => {
    const expected: string[] = [];
    for (const envDate of ['2022-01-30', '2021-11-30', '2022-01-31']) {
      for (const envHash of [OTHER_HASH, HASH]) {
        const service = open({ envDate, envHash });
        expected.push(...(await service.cacheStrategy([await built('AAPL'), await built('AAPLX')])));
        await service.cacheStrategy(await built('MSFT'));
      }
    }
    expect(await open().getKeysByPrefix('AAPL')).toEqual(expected.toSorted());
    expect(await open().getKeysByPrefix('AAPL ')).toHaveLength(6);
    expect(await open().getKeysByPrefix('')).toHaveLength(18);
    expect(await open().getKeysByPrefix(`${NAME}|2022-01-3`)).toHaveLength(4);
    expect(await open().getKeysByPrefix('Z')).toEqual([]);
  });

  test("14 the prefixes 'AAPL%' and 'AAPL*' are taken literally", async () => {
    await open().cacheStrategy(await built('AAPL'));
    for (const prefix of ['AAPL%', 'AAPL*', 'AAPL?', 'AAPL_', '.*'])
      expect(await open().getKeysByPrefix(prefix)).toEqual([]);
  });

  test('16 removeByName removes only what is of this date and hash, and the second time nothing; memory elsewhere sees it in time', async () => {
    const strategy = await built('AAPL');
    const here = open();
    const other = open({ envDate: '2022-01-31' });
    await here.cacheStrategy(strategy);
    const stays = await other.cacheStrategy(strategy);
    const elsewhere = serviceOf(cacheOver(durable, clock, { revalidateAfterMs: 1000 }).cache);
    expect(await elsewhere.getStrategyByName(NAME)).toBeDefined();
    expect(await here.removeStrategyByName(NAME)).toBe(true);
    expect(await here.removeStrategyByName(NAME)).toBe(false);
    expect(await here.getStrategyByName(NAME)).toBeUndefined();
    expect(await here.getKeysByPrefix('')).toEqual([stays]);
    clock.ms += 1000;
    expect(await elsewhere.getStrategyByName(NAME)).toBeUndefined();
  });

  test('17 removeByKey removes that key, of whatever environment', async () => {
    const key = await open({ envHash: OTHER_HASH }).cacheStrategy(await built('AAPL'));
    expect(await open().removeStrategyByKey(key)).toBe(true);
    expect(await open().removeStrategyByKey(key)).toBe(false);
    await expect(open().removeStrategyByKey(NAME)).rejects.toThrow(KeyFormatError);
    await expect(open().getStrategyByKey(`${NAME}|2022-01-30`)).rejects.toThrow(KeyFormatError);
  });

  test('41 of two writers one wins; the same content is fine for the other, and another content a conflict event', async () => {
    const first = cacheOver(durable, clock);
    const second = cacheOver(durable, clock);
    const strategy = await built('AAPL');
    const keys = await Promise.all(
      [first, second].map(({ cache }, index) =>
        serviceOf(cache, { creator: `writer ${index}` }).cacheStrategy(strategy),
      ),
    );
    expect(keys).toEqual([KEY, KEY]);
    expect([first.count('write') + second.count('write'), second.count('conflict')]).toEqual([1, 0]);

    const other: Strategy = { ...strategyLike(await built('MSFT')), name: NAME };
    await serviceOf(second.cache).cacheStrategy(other);
    expect(second.events).toContainEqual(
      expect.objectContaining({ type: 'conflict', detail: expect.stringContaining('stays') }),
    );
    expect(await bitsOf((await open().getStrategyByName(NAME))!)).toEqual(await bitsOf(strategy));
    await open({ overwrite: true }).cacheStrategy(other);
    expect(await bitsOf((await open().getStrategyByName(NAME))!)).toEqual(await bitsOf(other));
  });
}

/** The fields of a strategy as an object of its own. */
function strategyLike(strategy: Strategy): Strategy {
  const { name, type, typeVersion, recipe, isBuilt } = strategy;
  const like: Strategy = {
    name,
    type,
    typeVersion,
    recipe,
    isBuilt,
    build: async () => like as never,
    history: () => strategy.history(),
    state: () => strategy.state(),
  };
  return like;
}

describe('over SQLite', () => strategyServiceSuite(() => newSqliteLevel(folder)));

describeWith('AWS emulator', 'over S3', () => {
  let proxy: FaultProxy;
  let bucket: string;
  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    bucket = await createBucket();
  });
  afterAll(() => proxy.close());
  strategyServiceSuite(() => newS3Level(bucket, proxy.url));
});

test('15 more than 1000 keys are listed completely', async () => {
  const service = serviceOf(cacheOver(new MemoryLevel(2 ** 28), clock).cache);
  const strategy = strategyLike(await built('AAPL'));
  const many = Array.from({ length: 2300 }, (_, index) => ({ ...strategy, name: `S ${index}` }));
  const keys = await service.cacheStrategy(many);
  expect(await service.getKeysByPrefix('')).toEqual(keys.toSorted());
});

test("what is in the folder and no key of a strategy is not listed, and in nobody's way", async () => {
  const durable = new MemoryLevel(2 ** 24);
  const service = serviceOf(cacheOver(durable, clock).cache);
  await service.cacheStrategy(await built('AAPL'));
  const strays = ['', 'AAPL%', `${NAME}%7Cnotes`].map((stray) => workspaceFolder(TEAM, 'strategies') + stray);
  const impossible = nameToKey(workspaceFolder(TEAM, 'strategies'), KEY.replace('2022-01-30', '2022-02-30'));
  for (const stray of [...strays, impossible])
    await durable.put(stray, { bytes: Buffer.alloc(0), expiresAtMs: undefined });
  expect(await service.getKeysByPrefix('')).toEqual([KEY]);
  const other = serviceOf(cacheOver(durable, clock).cache, { envDate: '2022-01-31' });
  expect(await other.explainMiss(NAME)).toEqual({ differs: 'date', candidates: [KEY] });
});

test('18 a delete during a get in flight does not let the value come back', async () => {
  const durable = newSqliteLevel(folder);
  await serviceOf(cacheOver(durable, clock).cache).cacheStrategy(await built('AAPL'));
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const { promise: isReading, resolve: reading } = Promise.withResolvers<void>();
  const slow: CacheLevel = {
    name: durable.name,
    async get(key, unless) {
      const found = await durable.get(key, unless);
      reading();
      await gate;
      return found;
    },
    put: (...args) => durable.put(...args),
    delete: (key) => durable.delete(key),
    list: (prefix) => durable.list(prefix),
    close: () => durable.close(),
  };
  const { cache, memory } = cacheOver(slow, clock);
  const service = serviceOf(cache);
  const getting = service.getStrategyByName(NAME);
  await isReading;
  expect(await service.removeStrategyByName(NAME)).toBe(true);
  openGate();
  await getting;
  expect(await listed(memory)).toEqual([]);
  expect(await service.getStrategyByName(NAME)).toBeUndefined();
});

describe('what caches a strategy by itself', () => {
  interface Setup {
    readonly service: StrategyServiceLike;
    readonly durable: ReturnType<typeof breakableLevel>;
    readonly memory: MemoryLevel;
    readonly events: CacheEvent[];
    readonly environment: () => { strategyService(): StrategyServiceLike; events: CacheEvents };
  }

  function setUp(durable = breakableLevel(newSqliteLevel(folder))): Setup {
    const { cache, memory } = cacheOver(durable, clock);
    const service = serviceOf(cache);
    const events: CacheEvent[] = [];
    const listener = new CacheEvents((event) => events.push(event));
    const environment = (): ReturnType<Setup['environment']> => ({
      strategyService: () => service,
      events: listener,
    });
    return { service, durable, memory, events, environment };
  }
  const puts = ({ durable }: Setup): number => durable.calls.filter((call) => call === 'put').length;

  test('30 a miss writes nothing until build(), then once; history() alone also writes once; a second process hits without the factory', async () => {
    for (const method of ['build', 'history'] as const) {
      const setup = setUp();
      let made = 0;
      const get = cachedStrategy(
        NAME,
        () => {
          made += 1;
          return stockOf('AAPL');
        },
        setup.environment,
      );
      const strategy = await get();
      expect([puts(setup), strategy.isBuilt]).toEqual([0, false]);
      await Promise.all([strategy[method](), strategy[method]()]);
      await strategy.history();
      await strategy.build();
      expect([puts(setup), strategy.isBuilt, made]).toEqual([1, true, 1]);

      const second = setUp(setup.durable);
      const again = await cachedStrategy(NAME, () => stockOf('AAPL'), second.environment)();
      expect([again.isBuilt, made]).toEqual([true, 1]);
      expect(await bitsOf(again)).toEqual(await bitsOf(strategy));
    }
  });

  test('31 build() that throws writes nothing, and the next one can succeed', async () => {
    const setup = setUp();
    const inner = stockOf('AAPL');
    const failing: Strategy = { ...strategyLike(inner), build: () => Promise.reject(new Error('no data')) };
    const strategy = await cachedStrategy(NAME, () => failing, setup.environment)();
    await expect(strategy.build()).rejects.toThrow('no data');
    expect(puts(setup)).toBe(0);
    failing.build = async () => {
      await inner.build();
      return Object.assign(failing, { isBuilt: true }) as never;
    };
    await strategy.build();
    expect(puts(setup)).toBe(1);
  });

  test('32 with the durable level down build() still resolves with an event; an explicit cacheStrategy rejects, and memory is not populated', async () => {
    const setup = setUp();
    setup.durable.failure = new CacheUnavailableError('away');
    const strategy = await cachedStrategy(NAME, () => stockOf('AAPL'), setup.environment)();
    expect(await strategy.build()).toBe(strategy);
    expect(setup.events.map(({ type, detail }) => `${type} ${detail}`)).toEqual([
      expect.stringMatching(/^error cannot read .*away/),
      expect.stringMatching(/^error cannot store .*away/),
    ]);
    await expect(setup.service.cacheStrategy(strategy)).rejects.toThrow(CacheWriteError);
    expect(await listed(setup.memory)).toEqual([]);
    setup.durable.failure = undefined;
    await strategy.history();
    expect(await setup.service.getStrategyByName(NAME)).toBeDefined();
  });

  test("33 createStrategyAndCache looks 'AAPL STRATEGY' up, with a sector 'AAPL TECH', and with useCache false nothing at all", async () => {
    const setup = setUp();
    const rawData = { ticker: 'AAPL' };
    const create = ({ ticker }: { ticker: string }): Strategy => stockOf(ticker);
    for (const options of [{}, { sector: 'TECH' }])
      await (await createStrategyAndCache({ rawData, create, ...options }, setup.environment)).build();
    const names = (await setup.service.getKeysByPrefix('')).map((key) => strategyKey.parse(key).name);
    expect(names).toEqual(['AAPL STRATEGY', 'AAPL TECH']);
    const hit = await createStrategyAndCache({ rawData, create: () => stockOf('MSFT') }, setup.environment);
    expect(hit.name).toBe('AAPL STRATEGY');
    expect(await setup.service.cacheStrategy(hit)).toBe(keyOf('AAPL STRATEGY'));
    expect(await bitsOf(hit)).toEqual(await bitsOf(await built('AAPL')));

    const before = setup.durable.calls.length;
    const plain = await createStrategyAndCache({ rawData, create, useCache: false }, () => {
      throw new Error('the environment is not asked for');
    });
    await plain.build();
    expect(setup.durable.calls).toHaveLength(before);
    await expect(
      createStrategyAndCache({ rawData: { ticker: '' }, create }, setup.environment),
    ).rejects.toThrow(/no ticker/);
  });
});

test('34 the no-op has undefined and empty lists for everything and never throws', async () => {
  const noop = new NoopStrategyService();
  expect(await noop.cacheStrategy(stockOf('AAPL'))).toBeUndefined();
  expect(await noop.cacheStrategy([stockOf('AAPL')])).toEqual([]);
  expect(await noop.getKeysByPrefix()).toEqual([]);
  for (const answer of [
    noop.getStrategyByName(),
    noop.getStrategyByKey(),
    noop.removeStrategyByName(),
    noop.removeStrategyByKey(),
    noop.explainMiss(),
  ])
    expect(await answer).toBeUndefined();
});

test('35 the proxy makes its service with the first call, once for two at the same time, again after a failure, and never when inactive', async () => {
  let made = 0;
  const failures = [new Error('no credentials')];
  const init = async (): Promise<StrategyServiceLike> => {
    made += 1;
    const failure = failures.pop();
    if (failure !== undefined) throw failure;
    return serviceOf(cacheOver(new MemoryLevel(2 ** 24), clock).cache);
  };
  const lazy = lazyStrategyService(init);
  expect(made).toBe(0);
  await expect(lazy.getKeysByPrefix('')).rejects.toThrow('no credentials');
  const strategy = await built('AAPL');
  const [keys, key] = await Promise.all([lazy.getKeysByPrefix('AAPL'), lazy.cacheStrategy(strategy)]);
  expect([keys, key, made]).toEqual([expect.any(Array), KEY, 2]);
  expect(await lazy.cacheStrategy([strategy])).toEqual([KEY]);
  expect(await lazy.getStrategyByName(NAME)).toMatchObject({ name: NAME });
  expect(await lazy.getStrategyByKey(KEY)).toMatchObject({ name: NAME });
  expect(await lazy.explainMiss(NAME)).toBeUndefined();
  expect(await lazy.removeStrategyByKey(KEY)).toBe(true);
  expect(await lazy.removeStrategyByName(NAME)).toBe(false);

  const inactive = lazyStrategyService(init, { active: false });
  expect(await inactive.cacheStrategy([strategy])).toEqual([]);
  expect(made).toBe(2);
});

describe('40 a forged strategy', () => {
  const forge = async (over: object): Promise<ReturnType<typeof cacheOver>> => {
    const durable = newSqliteLevel(folder);
    const strategy = await built('AAPL');
    const { name, type, typeVersion, recipe } = strategy;
    const place = nameToKey(workspaceFolder(TEAM, 'strategies'), KEY);
    const meta = { key: place, createdAtMs: 0, expiresAtMs: null, creator: 'x', about: {} };
    const content = { name, type, typeVersion, recipe, state: strategy.state(), ...over };
    await durable.put(place, { bytes: await seal(meta, content), expiresAtMs: undefined });
    return cacheOver(durable, clock);
  };

  test.each(['child_process', 'constructor', '__proto__', 'hasOwnProperty'])(
    'of type %s is refused',
    async (type) => {
      const { cache } = await forge({ type });
      await expect(serviceOf(cache).getStrategyByName(NAME)).rejects.toThrow(UnknownStrategyError);
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );

  test('of another version of its class is refused', async () => {
    const { cache } = await forge({ typeVersion: 99 });
    await expect(serviceOf(cache).getStrategyByName(NAME)).rejects.toThrow(
      /built by version 99.*build it again/,
    );
  });

  test('of another shape is a miss, and explained', async () => {
    const { cache, events } = await forge({ state: { series: { dates: [1], levels: 'x' }, columns: {} } });
    expect(await serviceOf(cache).getStrategyByName(NAME)).toBeUndefined();
    expect(events.filter(({ type }) => type === 'corrupt')).toMatchObject([
      { detail: expect.stringMatching(/^a strategy is not readable: state\.series\.dates: /) },
    ]);
    expect(await serviceOf(cache).explainMiss(NAME)).toEqual({ differs: 'corrupt', candidates: [KEY] });
  });

  test('that cannot be opened is corrupt to explainMiss', async () => {
    const durable = newSqliteLevel(folder);
    const { cache } = cacheOver(durable, clock);
    await serviceOf(cache).cacheStrategy(await built('AAPL'));
    const place = nameToKey(workspaceFolder(TEAM, 'strategies'), KEY);
    await durable.put(place, { bytes: Buffer.from('junk'), expiresAtMs: undefined });
    clock.ms += 60_000;
    expect(await serviceOf(cache).explainMiss(NAME)).toEqual({ differs: 'corrupt', candidates: [KEY] });
    // And is replaced by the next one that is stored.
    await serviceOf(cache).cacheStrategy(await built('AAPL'));
    expect(await serviceOf(cache).explainMiss(NAME)).toBeUndefined();
  });
});

import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deInit, env, init, isInitialised } from '../../jobs/environment/current.ts';
import { environmentHash } from '../../jobs/environment/environment-hash.ts';
import type { EnvironmentOptions } from '../../jobs/environment/environment.ts';
import { setupMetadata } from '../../jobs/environment/metadata.ts';
import { createObjectRun, ResultsOutput, type Output } from '../../jobs/environment/object-run.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { cached } from '../../jobs/objects/cached.ts';
import { readEnvironment } from '../../jobs/runtime/environment.ts';
import { UsageError } from '../../jobs/runtime/errors.ts';
import { MemoryLevel } from '../../jobs/store/memory-level.ts';
import { cachedStrategy } from '../../jobs/strategies/service/cached-strategy.ts';
import { getSingleStockStrategy } from '../../jobs/strategies/single-stock.ts';
import type { Strategy } from '../../jobs/strategies/strategy.ts';
import { cacheOver, objectsOf, testClock } from '../support/caches.ts';
import { temporaryFolder } from '../support/folders.ts';
import { flatBar, sampleBars, writeBars } from '../support/strategies.ts';

const folder = temporaryFolder();
const lake = join(folder, 'lake');
const settings = {
  lake: `file:${lake}`,
  objects: { url: `file:${join(folder, 'objects')}`, organisation: 'A', workspace: 'main' },
};
const options: EnvironmentOptions = { envDate: '2012-01-30', settings };
const TICKERS = ['AAPL', 'MSFT'];

const load = (bars: Parameters<typeof writeBars>[2]): Promise<void> =>
  writeBars(new LocalStore(lake), folder, bars);

beforeAll(async () => {
  const within = TICKERS.map((ticker) => [
    ticker,
    sampleBars(ticker).filter(({ date }) => date >= '2010-06-01' && date < '2012-03-01'),
  ]);
  await load(Object.fromEntries(within));
});
afterEach(async () => {
  await deInit();
  setupMetadata();
});

test('there is one environment between init and deInit', async () => {
  expect(isInitialised()).toBe(false);
  expect(() => env()).toThrow(/call init/);
  const made = init(options);
  expect([isInitialised(), env()]).toEqual([true, made]);
  expect(() => init(options)).toThrow(/environment of 2012-01-30 is there already/);
  await deInit();
  await deInit();
  expect(isInitialised()).toBe(false);
  expect(() => init({ ...options, envDate: '2012-02-30' })).toThrow(UsageError);
  expect(isInitialised()).toBe(false);
});

test('without settings it is where no variable says otherwise', () => {
  expect(init({ envDate: '2022-01-30' }).envDate).toBe('2022-01-30');
  expect(readEnvironment({}).objects.url).toBe('file:data/objects');
});

test('the data date is the last one in the lake up to the environment date', async () => {
  for (const [envDate, dataDate] of [
    ['2012-01-30', '2012-01-30'],
    ['2012-01-29', '2012-01-27'],
    ['2012-01-01', '2011-12-30'],
    ['2030-01-01', '2012-02-29'],
  ] as const) {
    expect(await init({ ...options, envDate }).dataDate()).toBe(dataDate);
    await deInit();
  }
  await expect(init({ ...options, envDate: '2001-01-01' }).dataDate()).rejects.toThrow(
    /no prices up to 2001-01-01/,
  );
});

describe('the hash', () => {
  test('is that of its inputs, in whatever order they come', () => {
    const inputs = { settings: { a: '1', b: '2' }, typeVersions: { T: 1 }, dataSnapshot: 's' };
    // python3: hashlib.sha256(cbor2.dumps(inputs, canonical=True)).hexdigest()[:32]
    expect(environmentHash(inputs)).toBe('5ce866583b1d3f233b6f61d63f5a4996');
    expect(environmentHash({ ...inputs, settings: { b: '2', a: '1' } })).toBe(environmentHash(inputs));
    const others = [
      { ...inputs, dataSnapshot: 't' },
      { ...inputs, typeVersions: { T: 2 } },
      { ...inputs, settings: { a: '1' } },
    ];
    expect(new Set([inputs, ...others].map(environmentHash)).size).toBe(4);
  });

  test('changes with a parameter and with prices up to the month of the environment date, not with later ones', async () => {
    const hashNow = async (change: (made: ReturnType<typeof init>) => void = () => {}): Promise<string> => {
      const made = init({ ...options, envDate: '2012-01-31' });
      change(made);
      const hash = await made.hash();
      await deInit();
      return hash;
    };
    const first = await hashNow();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(await hashNow()).toBe(first);
    expect(await hashNow((made) => made.set('DEFAULT_RS_START_DATE', '2009-01-02'))).not.toBe(first);
    await load({ LATER: [flatBar('2012-03-01', 10)] });
    expect(await hashNow()).toBe(first);
    await load({ EARLY: [flatBar('2012-01-03', 10)] });
    expect(await hashNow()).not.toBe(first);
    const made = init({ ...options, dataSnapshot: 'agreed' });
    const agreed = await made.hash();
    await load({ EARLY: [flatBar('2012-01-03', 11)] });
    expect(await made.hash()).toBe(agreed);
  });

  test('is that of the prices before the first is read: what was built of them is not found for those of a later load', async () => {
    const name = 'MSFT REINV STRATEGY';
    const objects = { ...settings.objects, workspace: 'own' };
    const own = { ...options, settings: { ...settings, objects } };
    const made = init(own);
    const strategy = getSingleStockStrategy({ exchangeTicker: 'MSFT' }, await made.strategyContext());
    await strategy.build();
    await load({ MSFT: [flatBar('2012-01-03', 1)] });
    await made.strategyService().cacheStrategy(strategy);
    expect(await made.strategyService().getStrategyByName(name)).toBeDefined();
    await deInit();
    expect(await init(own).strategyService().getStrategyByName(name)).toBeUndefined();
  });

  test('of a lake without prices is looked up again once there are some', async () => {
    const empty = join(folder, 'empty-at-first');
    const made = init({ ...options, settings: { ...settings, lake: `file:${empty}` } });
    await expect(made.dataDate()).rejects.toThrow(/no prices/);
    const none = await made.hash();
    await writeBars(new LocalStore(empty), folder, { AAPL: [flatBar('2012-01-03', 10)] });
    expect(await made.dataDate()).toBe('2012-01-03');
    expect(await made.hash()).not.toBe(none);
  });

  test('a parameter that is none, or no date, is refused', () => {
    const made = init(options);
    expect(() => made.set('START' as never, '2009-01-02')).toThrow(UsageError);
    expect(() => made.set('DEFAULT_RS_START_DATE', '2009-13-01')).toThrow(
      /DEFAULT_RS_START_DATE "2009-13-01"/,
    );
    expect(made.get('DEFAULT_RS_START_DATE')).toBeUndefined();
  });
});

test('strategies that one session has cached are there in the next, and the default start is part of what they are', async () => {
  const made = init(options);
  made.set('DEFAULT_RS_START_DATE', '2011-01-03');
  const context = await made.strategyContext();
  const strategies = await Promise.all(
    TICKERS.map((exchangeTicker) => getSingleStockStrategy({ exchangeTicker }, context).build()),
  );
  const keys = (await made.strategyService().cacheStrategy(strategies)) as string[];
  await deInit();

  const later = init(options);
  expect(await later.strategyService().getStrategyByName('AAPL REINV STRATEGY')).toBeUndefined();
  expect(await later.strategyService().explainMiss('AAPL REINV STRATEGY')).toMatchObject({ differs: 'hash' });
  later.set('DEFAULT_RS_START_DATE', '2011-01-03');
  expect(await later.strategyService().getKeysByPrefix('')).toEqual(keys.toSorted());
  const back = (await later.strategyService().getStrategyByName('AAPL REINV STRATEGY')) as Strategy;
  expect(await back.history()).toEqual(await strategies[0]!.history());
});

test('a lake that could not be opened is opened again by the next who asks', async () => {
  const before = process.cwd();
  const made = init({ ...options, settings: { ...settings, lake: 's3://bucket' }, useCredentialFile: true });
  const own = mkdtempSync(join(folder, 'credentials-'));
  try {
    process.chdir(own);
    await expect(made.strategyContext()).rejects.toThrow(/--local reads AWS credentials/);
    mkdirSync(join(own, 'data/credential'), { recursive: true });
    writeFileSync(join(own, 'data/credential/aws.csv'), 'access_key_id,secret_access_key\na,b\n');
    expect(await made.strategyContext()).toMatchObject({ envDate: options.envDate });
  } finally {
    process.chdir(before);
  }
});

test('an inactive strategy service keeps nothing, and the caches of functions work beside it', async () => {
  const made = init({ ...options, isStrategyServiceActive: false });
  const strategy = await cachedStrategy('x', async () =>
    getSingleStockStrategy({ exchangeTicker: 'AAPL' }, await made.strategyContext()),
  )();
  await strategy.build();
  expect(await made.strategyService().getKeysByPrefix('x')).toEqual([]);
  expect(await cached(() => 42, { name: 'answer' })()).toBe(42);
  expect(await made.objectService().keys()).toEqual(['answer_2012-01-30']);
  expect((await made.objectService().getEntry('answer_2012-01-30'))!.metadata.creator).not.toBe('');
});

test('prices after the environment date change nothing', async () => {
  const made = init(options);
  const build = async (): Promise<unknown> =>
    (await getSingleStockStrategy({ exchangeTicker: 'AAPL' }, await made.strategyContext()).build()).state();
  const before = await build();
  await load({ AAPL: [flatBar('2012-01-31', 1e6, { dividend: 5 }), flatBar('2012-02-01', 1, { split: 7 })] });
  expect(await build()).toEqual(before);
});

describe('47 setupMetadata', () => {
  test("an unknown provider is a RangeError, and the default is 'api'", () => {
    expect(() => setupMetadata({ provider: 'service' })).toThrow(RangeError);
    expect(setupMetadata()).toEqual({ provider: 'api', url: undefined, workspace: undefined });
  });

  test('says where environments keep things that are made later, and a later call replaces all of it', async () => {
    expect(setupMetadata({ organisationBucket: 'team-bucket', workspaceId: 'w' })).toEqual({
      provider: 'api',
      url: 's3://team-bucket',
      workspace: 'w',
    });
    expect(setupMetadata({ datastoreRoot: 's3://b/p' }).url).toBe('s3://b/p');
    expect(setupMetadata({ provider: 'local' }).url).toBe('file:data/objects');
    expect(() => setupMetadata({ provider: 'local', organisationBucket: 'b' })).toThrow(UsageError);
    setupMetadata({ provider: 'memory' });
    await init(options).objectService().put('gone', 1);
    await deInit();
    expect(await init(options).objectService().keys('gone')).toEqual([]);
    await deInit();
    setupMetadata({ provider: 'local', datastoreRoot: settings.objects.url, workspaceId: 'other' });
    await init(options).objectService().put('theirs', 1);
    await deInit();
    setupMetadata();
    expect(await init(options).objectService().keys('theirs')).toEqual([]);
  });
});

describe('48 createObjectRun', () => {
  const objects = objectsOf(cacheOver(new MemoryLevel(2 ** 24), testClock()).cache);
  const startedAt = new Date('2022-01-30T12:00:00Z');
  const base = { objects, now: () => startedAt };

  test('waits for preRunWait first, keeps the order, and persists by its outputs', async () => {
    const order: string[] = [];
    const { promise: slow, resolve: finish } = Promise.withResolvers<string>();
    const run = await createObjectRun({
      ...base,
      preRunWait: async () => {
        await Promise.resolve();
        order.push('wait');
      },
      collect: [
        async () => {
          order.push('first');
          return slow;
        },
        ({ n }) => {
          order.push('second');
          finish('one');
          return Number(n) * 2;
        },
      ],
      outputs: [ResultsOutput],
      runKwargs: { n: 21 },
      configParams: { index: 'DAX' },
    });
    expect(order).toEqual(['wait', 'first', 'second']);
    expect(run).toMatchObject({ status: 'done', startedAt, errors: [], outputs: [`run/${run.id}`] });
    expect(await objects.get(run.outputs[0]!)).toEqual({
      configParams: { index: 'DAX' },
      results: ['one', 42],
    });
  });

  test("one collector that fails makes the status 'failed' with that error, and the other outputs are kept", async () => {
    class Broken implements Output {
      persist(): Promise<string> {
        return Promise.reject(new Error('disk full'));
      }
    }
    const failure = new Error('no data');
    const run = await createObjectRun({
      ...base,
      collect: [
        () => 1,
        () => {
          throw failure;
        },
        async () => 3,
      ],
      outputs: [Broken, ResultsOutput],
    });
    expect(run).toMatchObject({ status: 'failed', errors: [failure, new Error('disk full')] });
    expect(run.outcomes.map(({ status }) => status)).toEqual(['done', 'failed', 'done']);
    expect(run.outputs).toEqual([undefined, expect.stringMatching(/^run\//)]);
    expect(await objects.get(run.outputs[1]!)).toMatchObject({ results: [1, undefined, 3] });
  });

  test('refuses a run without collectors, and passes on what preRunWait throws before any has run', async () => {
    await expect(createObjectRun({ ...base, collect: [], outputs: [] })).rejects.toThrow(UsageError);
    let ran = false;
    const collect = [() => (ran = true)];
    const preRunWait = (): never => {
      throw new Error('not ready');
    };
    await expect(createObjectRun({ ...base, collect, outputs: [], preRunWait })).rejects.toThrow('not ready');
    expect(ran).toBe(false);
  });
});

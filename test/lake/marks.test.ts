import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isAlive } from '../../jobs/lake/heartbeat.ts';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { HeldMark, LostMarkError, lookAtMark, type MarkPorts } from '../../jobs/lake/marks.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();
const newStore = (): LocalStore => new LocalStore(mkdtempSync(join(folder, 'lake-')));
const KEY = 'marks/provider=csv.json';
const NOW = Date.parse('2026-11-30T12:00:00Z');
const change = (held: HeldMark): { input: string; parts: string[] } => ({
  input: held.input,
  parts: ['2020-01'],
});
const never = async (): Promise<void> => {
  throw new Error('nothing was to be rolled forward');
};

/** A clock that stands still but for what is slept; `onSleep` happens meanwhile. */
function portsAt(ms = NOW, onSleep?: () => Promise<void>): MarkPorts {
  let now = ms;
  return {
    signal: new AbortController().signal,
    now: () => new Date(now),
    async sleep(slept) {
      now += slept;
      await onSleep?.();
    },
  };
}

const LONG_AGO = NOW - 3_600_000;

async function keysOf(store: LocalStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('marks/')) keys.push(key);
  return keys;
}

describe('a mark', () => {
  test('is held by one run at a time; the next one gets it when it is given back', async () => {
    const store = newStore();
    const first = await HeldMark.take(store, KEY, 'first', portsAt(), never);
    let sleeps = 0;
    const giveBack = async (): Promise<void> => {
      sleeps += 1;
      if (sleeps === 3) await first.use(async () => {});
    };
    const second = await HeldMark.take(store, KEY, 'second', portsAt(NOW, giveBack), never);
    expect(sleeps).toBe(3);
    expect(await lookAtMark(store, KEY)).toMatchObject({ run: 'second', change: null });
    await second.use(async () => {});
    expect(await lookAtMark(store, KEY)).toBeUndefined();
  });

  test('of a dead run that had named nothing is dropped', async () => {
    const store = newStore();
    await HeldMark.take(store, KEY, 'dead', portsAt(LONG_AGO), never);
    await HeldMark.take(store, KEY, 'next', portsAt(), never);
    expect(await lookAtMark(store, KEY)).toMatchObject({ run: 'next', change: null });
  });

  test('of a dead run that had named its change is given to who takes it next only when that is carried out', async () => {
    const store = newStore();
    const dead = await HeldMark.take(store, KEY, 'dead', portsAt(LONG_AGO), never);
    await store.put(`${dead.input}rows`, Buffer.from('rows'));
    await dead.name(change(dead), ['AAPL']);
    const seen: unknown[] = [];
    const next = await HeldMark.take(store, KEY, 'next', portsAt(), async (found, held) => {
      seen.push(found);
      // Readers still see whose change it is.
      expect(await lookAtMark(store, KEY)).toMatchObject({ run: 'dead', names: ['AAPL'], change: found });
      await held.check();
    });
    expect(seen).toEqual([change(dead)]);
    expect(await lookAtMark(store, KEY)).toMatchObject({ run: 'next', change: null });
    expect(await keysOf(store)).toEqual([KEY]);
    await next.use(async () => {});
  });

  test("of a run that slept is taken over: it can neither name, nor switch, nor give back what is another run's", async () => {
    const store = newStore();
    const sleeper = await HeldMark.take(store, KEY, 'sleeper', portsAt(LONG_AGO), never);
    const next = await HeldMark.take(store, KEY, 'next', portsAt(), never);
    await expect(sleeper.check()).rejects.toThrow(LostMarkError);
    const late = await HeldMark.take(newStore(), KEY, 'late', portsAt(LONG_AGO), never);
    await late.use(async () => {});
    await expect(sleeper.name(change(sleeper), [])).rejects.toThrow(/^run sleeper was silent for too long/);
    await next.check();
    expect(await lookAtMark(store, KEY)).toMatchObject({ run: 'next' });
  });

  test('whose change failed half-way is that of a dead run at once, not after the heartbeat has gone stale', async () => {
    const store = newStore();
    const held = await HeldMark.take(store, KEY, 'failing', portsAt(), never);
    const failing = held.use(async () => {
      await held.name(change(held), []);
      throw new Error('the disk is full');
    });
    await expect(failing).rejects.toThrow('the disk is full');
    let rolled = 0;
    const isRolled = await HeldMark.rollForward(store, KEY, portsAt(), async () => {
      rolled += 1;
    });
    expect([isRolled, rolled]).toEqual([true, 1]);
    expect(await lookAtMark(store, KEY)).toBeUndefined();
  });

  test('of a live run is not rolled forward', async () => {
    const store = newStore();
    const held = await HeldMark.take(store, KEY, 'live', portsAt(), never);
    await held.name(change(held), []);
    expect(await HeldMark.rollForward(store, KEY, portsAt(), never)).toBe(false);
    await held.check();
  });

  test('is taken with what earlier runs have left below it removed, but never what its holder lays ready', async () => {
    const store = newStore();
    const killed = await HeldMark.take(store, KEY, 'killed', portsAt(LONG_AGO), never);
    await store.put(`${killed.input}rows`, Buffer.from('never named'));
    const next = await HeldMark.take(store, KEY, 'next', portsAt(), never);
    await store.put(`${next.input}rows`, Buffer.from('mine'));
    expect(await keysOf(store)).toEqual([KEY, `${next.input}rows`].toSorted());
  });

  test('that is not readable is an error that names it', async () => {
    const store = newStore();
    await store.put(KEY, Buffer.from('{"version":2}'));
    await expect(lookAtMark(store, KEY)).rejects.toThrow(
      /^marks\/provider=csv\.json in lake .* is not readable/,
    );
  });

  test('of a version with more keys is read', async () => {
    const store = newStore();
    await HeldMark.take(store, KEY, 'newer', portsAt(), never);
    const { body } = (await store.get(KEY))!;
    await store.put(
      KEY,
      Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body).toString()), moons: 2 })),
    );
    expect(await lookAtMark(store, KEY)).toMatchObject({ run: 'newer' });
  });

  test('is not waited for by who is asked to stop', async () => {
    const store = newStore();
    await HeldMark.take(store, KEY, 'live', portsAt(), never);
    const controller = new AbortController();
    const ports: MarkPorts = {
      ...portsAt(),
      signal: controller.signal,
      async sleep() {
        controller.abort('SIGTERM');
        throw new Error('aborted');
      },
    };
    await expect(HeldMark.take(store, KEY, 'next', ports, never)).rejects.toThrow(/^stopped by SIGTERM/);
  });
});

describe('a run is alive', () => {
  const now = new Date(NOW);
  const at = (ms: number, host: string, pid: number): boolean =>
    isAlive({ host, pid, seenAt: new Date(ms).toISOString() }, now);
  const gone = spawnSync(process.execPath, ['--version']).pid;

  test.each([
    ['elsewhere, a minute ago', at(NOW - 60_000, 'elsewhere', 1), true],
    ['elsewhere, three minutes ago', at(NOW - 180_000, 'elsewhere', 1), false],
    ['elsewhere, by a clock that is a minute ahead', at(NOW + 60_000, 'elsewhere', 1), true],
    ['elsewhere, by a clock that is an hour ahead', at(NOW + 3_600_000, 'elsewhere', 1), false],
    ['here, as a process that exists', at(NOW - 60_000, hostname(), process.pid), true],
    [
      'here, as a process that exists and is silent: its number may have been reused',
      at(LONG_AGO, hostname(), process.pid),
      false,
    ],
    ['here, as a process that is gone', at(NOW - 1000, hostname(), gone), false],
  ])('%s', (_what, found, expected) => {
    expect(found).toBe(expected);
  });
});

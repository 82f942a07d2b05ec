import type { DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { errorLine, type Finished } from './command.ts';
import type { LakeHome } from './lake-homes.ts';
import { differingEras, differingMonths } from './lake-states.ts';
import type { RestatedMarket, Source } from './restated-market.ts';
import { randomNumbers } from './series.ts';
import { clockAhead, type StepRunner, type When } from './steps.ts';
import type { YahooServer } from './yahoo-server.ts';

/*
 * Kills commands at each change that they make to a lake, or lets them sleep there for longer than their heartbeat may
 * be silent, and looks at what the next command makes of it: the lake has to be that of before or that of after, and
 * no answer may stand on two bases. A sleeper then wakes up and may not spoil what came after it.
 */

const SET = 'volatility';
const TRANSFORM = ['transform', '--cmd', SET, '--lags', '1'];
/** Longer than any heartbeat may be silent, shorter than S3 lets clocks differ. */
const AHEAD = clockAhead(10);

/** Content of all rows of each ticker: equal numbers, equal text. */
const contentOf = (table: string): string[] => [
  'query',
  `select ticker, count(*)::integer as n, bit_xor(hash(t))::varchar as content from ${table} as t group by ticker order by ticker`,
  '--format',
  'csv',
];
const PRICES = contentOf(
  '(select ticker, date, open, high, low, close, adj_close, volume, dividend, split from raw_data)',
);
const FEATURES = contentOf(`features_${SET}`);
/** The answer of a set that has no era yet: names of columns alone. */
const NO_FEATURES = 'ticker,n,content\n';
const RUN_ID = /\d{8}T\d{6,9}Z-[0-9a-f]{6}/;

/** What is killed: `args` on a copy of the lake `start`. */
interface Work {
  readonly name: 'yahoo load' | 'csv load' | 'first transform' | 'update' | 'rebuild';
  readonly source: Source;
  readonly start: string;
  readonly args: readonly string[];
  /** The command that makes its set up to date afterwards. */
  readonly transform: readonly string[];
}

type Next =
  'transform' | 'query' | 'query of features' | 'same again' | 'another load' | 'reader without rights';

/** What becomes of a command at the change. */
export type Fate = 'killed' | 'asleep';

/** A lake that a next command may leave behind, or the one that it found. */
interface State {
  readonly prices: string;
  readonly features: string;
  readonly answer: string;
  readonly featuresAnswer: string;
}

export interface KillReport {
  /** Commands that were killed or fell asleep; the others ended before. */
  readonly kills: number;
  /** Changes of each kind of work, all of which are killed in the end if there are enough kills. */
  readonly steps: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

export interface KillPorts {
  readonly home: LakeHome;
  readonly runner: StepRunner;
  readonly market: RestatedMarket;
  readonly server: YahooServer;
  readonly db: DuckDBConnection;
}

export interface KillSettings {
  readonly kills: number;
  readonly works: readonly Work['name'][];
  readonly seed: number;
  readonly fate: Fate;
}

export async function killEverywhere(
  ports: KillPorts,
  { kills, works, seed, fate }: KillSettings,
): Promise<KillReport> {
  const random = randomNumbers(seed);
  const prepared: Prepared[] = [];
  for (const work of await prepareWorks(ports, works)) prepared.push(await prepare(ports, work));
  const wrong: string[] = [];
  let done = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const one = prepared[kill % prepared.length]!;
    const share = Math.floor(kill / prepared.length);
    const ofThis = Math.ceil((kills - (kill % prepared.length)) / prepared.length);
    // Evenly over all changes, at a place of its own between two of them.
    const step = 1 + Math.floor(((share + random()) / ofThis) * one.steps);
    const when: When = random() < 0.5 ? 'before' : 'after';
    const next = one.nexts[Math.floor(random() * one.nexts.length)]!;
    const lake = await ports.home.copyLake(one.work.start);
    const title = `${one.work.name} ${fate} ${when} change ${step} of ${one.steps}, then ${next}`;
    let fault: string | undefined;
    if (fate === 'killed') {
      const { signal } = await ports.runner.kill(one.work.args, lake, step, when);
      if (signal === 'SIGKILL') done += 1;
      fault = await goOn(ports, one, next, lake);
    } else {
      const sleeper = await ports.runner.sleep(one.work.args, lake, step, when);
      if (sleeper.isAsleep) done += 1;
      const before = await goOn(ports, one, next, lake);
      const woken = await sleeper.wake();
      fault = before ?? (await afterSleep(ports, one, next, lake, woken));
    }
    if (fault !== undefined) wrong.push(`${title}: ${fault}`);
    await ports.home.removeLake(lake);
  }
  const steps = Object.fromEntries(prepared.map(({ work, steps: count }) => [work.name, count]));
  return { kills: done, steps, wrong };
}

interface Prepared {
  readonly work: Work;
  readonly steps: number;
  readonly nexts: readonly Next[];
  readonly before: State;
  readonly after: State;
  /** What another load makes of either. */
  readonly withOther: readonly State[];
  readonly other: readonly string[];
}

async function prepareWorks(
  { home, runner, market, server }: KillPorts,
  names: readonly Work['name'][],
): Promise<Work[]> {
  const works: Work[] = [];
  for (const source of ['yahoo', 'csv'] as const) {
    const load = market.load[source];
    const isLoad = (name: Work['name']): boolean => name === `${source} load`;
    const wanted = names.filter((name) => isLoad(name) || (source === 'yahoo' && !name.endsWith(' load')));
    if (wanted.length === 0) continue;
    const bare = home.newLake();
    market.play(server, 'before');
    succeeded(await runner.run(['load', ...load.first], bare));
    market.play(server, 'after');
    const withSet = await home.copyLake(bare);
    succeeded(await runner.run(TRANSFORM, withSet));
    for (const name of wanted) {
      const work = { name, source, transform: TRANSFORM };
      const rebuild = [...TRANSFORM, '--definitions', 'ta', '--rebuild'];
      if (isLoad(name)) works.push({ ...work, start: withSet, args: ['load', ...load.second] });
      else if (name === 'first transform') works.push({ ...work, start: bare, args: TRANSFORM });
      else if (name === 'rebuild') works.push({ ...work, start: withSet, args: rebuild, transform: rebuild });
      else {
        const loaded = await home.copyLake(withSet);
        succeeded(await runner.run(['load', ...load.second], loaded));
        works.push({ ...work, start: loaded, args: TRANSFORM });
      }
    }
  }
  return works;
}

async function prepare(ports: KillPorts, work: Work): Promise<Prepared> {
  const { home, runner, market } = ports;
  const isLoad = work.args[0] === 'load';
  const done = await home.copyLake(work.start);
  const { finished, steps } = await runner.count(work.args, done);
  succeeded(finished);
  const before = await stateOf(ports, work.start);
  const after = await stateOf(ports, done);
  const common: Next[] = ['transform', 'query', 'same again', 'reader without rights'];
  if (!isLoad) {
    const nexts: Next[] = [...common, 'query of features'];
    return { work, steps, nexts, before, after, withOther: [], other: [] };
  }
  // A name that the killed load did not ask for.
  const other =
    work.source === 'csv' ? undefined : market.names.find((name) => !market.third.includes(name))!;
  const window = ['--start', '2024-03-09', '--end', '2024-03-23'];
  const otherArgs = other === undefined ? [] : ['load', ...window, '--ticker', other];
  const withOther: State[] = [];
  for (const start of other === undefined ? [] : [work.start, done]) {
    const lake = await home.copyLake(start);
    succeeded(await runner.run(otherArgs, lake));
    withOther.push(await stateOf(ports, lake));
  }
  const transformed = await home.copyLake(done);
  succeeded(await runner.run(work.transform, transformed));
  return {
    work,
    steps,
    nexts: other === undefined ? common : [...common, 'another load'],
    before,
    // A transform that follows finds the set of before, or makes that of the new prices.
    after: { ...after, features: (await stateOf(ports, transformed)).features },
    withOther,
    other: otherArgs,
  };
}

async function stateOf({ home, runner }: KillPorts, lake: string): Promise<State> {
  const hasSet = (await home.writtenAt(lake, `features/${SET}/`)).size > 0;
  return {
    prices: await home.folderOf(lake, 'raw_data/'),
    features: await home.folderOf(lake, 'features/'),
    answer: succeeded(await runner.run(PRICES, lake)).stdout,
    featuresAnswer: hasSet ? succeeded(await runner.run(FEATURES, lake)).stdout : '',
  };
}

/** Runs the next command on what a kill left; resolves with what is wrong then. */
async function goOn(ports: KillPorts, one: Prepared, next: Next, lake: string): Promise<string | undefined> {
  const { runner } = ports;
  const { work, before, after, withOther, other } = one;
  const both = [before, after];
  switch (next) {
    case 'query':
    case 'query of features': {
      const isPrices = next === 'query';
      const finished = await runner.run(isPrices ? PRICES : FEATURES, lake, AHEAD);
      const right = both.map(({ answer, featuresAnswer }) => (isPrices ? answer : featuresAnswer));
      // Before the first transform has made its set, there is none to ask, or one without an era.
      const isEmpty = finished.code !== 0 || finished.stdout === NO_FEATURES;
      if (!isPrices && right[0] === '' && isEmpty) return undefined;
      return failure(finished) ?? answerFault(finished, right) ?? pricesFault(ports, work, lake, both);
    }
    case 'reader without rights': {
      const finished = await runner.runReadOnly(PRICES, lake, AHEAD);
      if (finished.code === 0) return answerFault(finished, [before.answer, after.answer]);
      const line = errorLine(finished);
      return finished.code === 1 && RUN_ID.test(line)
        ? undefined
        : `exit ${finished.code} without a run: ${line}`;
    }
    case 'transform': {
      const finished = await runner.run(work.transform, lake, AHEAD);
      return (
        failure(finished) ??
        (await pricesFault(ports, work, lake, both)) ??
        featuresFault(ports, lake, work.args[0] === 'load' ? both : [after])
      );
    }
    case 'same again': {
      const finished = await runner.run(work.args, lake, AHEAD);
      return failure(finished) ?? pricesFault(ports, work, lake, [after]);
    }
    case 'another load': {
      const finished = await runner.run(other, lake, AHEAD);
      return failure(finished) ?? pricesFault(ports, work, lake, withOther);
    }
  }
}

/** What is wrong once a sleeper has ended: with 0 when its work is done, with 1 when another process took it over. */
async function afterSleep(
  ports: KillPorts,
  { work, before, after, withOther }: Prepared,
  next: Next,
  lake: string,
  woken: Finished,
): Promise<string | undefined> {
  if (woken.code !== 0 && woken.code !== 1) return `woken, exit ${woken.code}: ${errorLine(woken)}`;
  const isDone = woken.code === 0 || next === 'same again';
  const right = next === 'another load' ? withOther : [before, after];
  const fault = await pricesFault(ports, work, lake, isDone ? right.slice(1) : right);
  if (fault !== undefined) return `woken, exit ${woken.code}: ${fault}`;
  if (work.args[0] === 'load' || !isDone) return undefined;
  const spoiled = await featuresFault(ports, lake, [after]);
  return spoiled === undefined ? undefined : `woken, exit ${woken.code}: ${spoiled}`;
}

function failure(finished: Finished): string | undefined {
  return finished.code === 0 ? undefined : `exit ${finished.code}: ${errorLine(finished)}`;
}

function answerFault({ stdout }: Finished, right: readonly string[]): string | undefined {
  if (right.includes(stdout)) return undefined;
  const [before, after] = right.map((text) => new Set(text.split('\n')));
  const lines = stdout.split('\n');
  const ofBefore = lines.filter((line) => before!.has(line) && !after!.has(line)).length;
  const ofAfter = lines.filter((line) => after!.has(line) && !before!.has(line)).length;
  const ofNeither = lines.filter((line) => !after!.has(line) && !before!.has(line)).length;
  return `answers with ${ofBefore} tickers of before, ${ofAfter} of after, ${ofNeither} of neither`;
}

async function pricesFault(
  { home, db }: KillPorts,
  { source }: Work,
  lake: string,
  right: readonly State[],
): Promise<string | undefined> {
  const found = await home.folderOf(lake, 'raw_data/');
  const wrong: string[] = [];
  for (const { prices } of right) {
    const months = await differingMonths(db, source, found, prices);
    if (months.length === 0) return undefined;
    wrong.push(months.join(' '));
  }
  return `prices differ in ${wrong.join(', and from the other state in ')}`;
}

async function featuresFault(
  { home, db }: KillPorts,
  lake: string,
  right: readonly State[],
): Promise<string | undefined> {
  const found = await home.folderOf(lake, 'features/');
  const wrong: number[] = [];
  for (const { features } of right) {
    const eras = await differingEras(db, SET, found, features);
    if (eras.length === 0) return undefined;
    wrong.push(eras.length);
  }
  return `features differ in ${wrong.join(' and ')} eras`;
}

function succeeded(finished: Finished): Finished {
  if (finished.code !== 0) throw new Error(`a quiet command ended with ${finished.code}: ${finished.stderr}`);
  return finished;
}

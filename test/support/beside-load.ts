import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '../../jobs/runtime/duckdb.ts';
import { errorLine, signals, start, type Finished } from './command.ts';
import type { LakeHome } from './lake-homes.ts';
import { differingEras, differingMonths } from './lake-states.ts';
import type { RestatedMarket, Source } from './restated-market.ts';
import { randomNumbers } from './series.ts';
import { startYahooServer, type YahooServer } from './yahoo-server.ts';

const SET = 'volatility';
const TRANSFORM = ['transform', '--cmd', SET, '--lags', '1'];

/** Charts that the load has asked for when the transform is started; a process takes as long to start as some dozens. */
const OFFSETS = [0, 0, 1, 30];

/** Lakes of one source to start from, and folders with what is right before and after the load. */
interface Expected {
  readonly source: Source;
  /** As before the load, without and with its set. */
  readonly lakes: readonly { readonly hasSet: boolean; readonly url: string }[];
  readonly loaded: string;
  readonly before: string;
  readonly after: string;
}

export interface BesideLoad {
  readonly rounds: number;
  /** Transforms during which a month was switched. */
  readonly overlapping: number;
  /** Rounds in which the load or the transform did not end with 0, and why. */
  readonly failed: readonly string[];
  /** Rounds whose set is neither that of the lake before the load nor that of the lake after it. */
  readonly mixed: readonly string[];
}

/**
 * Runs `rounds` transforms, each beside a load that appends to a third of the names and restates some, and compares
 * each set with the two that are right. Load and transform run as they come: all that is chosen is after how many
 * answers of the provider, or whether at once, the transform is started.
 *
 * @param folder an existing folder for files of the test
 */
export async function transformBesideLoads(
  home: LakeHome,
  market: RestatedMarket,
  {
    rounds,
    sources,
    seed,
  }: { readonly rounds: number; readonly sources: readonly Source[]; readonly seed: number },
  folder: string,
  db: DuckDBConnection,
): Promise<BesideLoad> {
  const server = await startYahooServer();
  try {
    const env = { ...home.env, YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' };
    const run = (...args: string[]): Promise<Finished> => succeed(signals(args, folder, env));
    const expected: Expected[] = [];
    for (const source of sources) expected.push(await prepare(home, market, source, server, run));
    const cases = expected.flatMap((each) => each.lakes.map((lake) => ({ ...each, ...lake })));
    const random = randomNumbers(seed);
    const failed: string[] = [];
    const mixed: string[] = [];
    let overlapping = 0;
    for (let round = 0; round < rounds; round += 1) {
      const { source, hasSet, url, loaded, before, after } = cases[round % cases.length]!;
      const lake = await home.copyLake(url);
      const title = `round ${round}, ${source}, ${hasSet ? 'an existing set' : 'a new set'}`;
      const load = start(['load', ...market.load[source].second, '--lake', lake], folder, env);
      if (source === 'yahoo') await server.whenAsked(OFFSETS[Math.floor(random() * OFFSETS.length)]!);
      const transform = start([...TRANSFORM, '--lake', lake], folder, env);
      const [loading, transforming] = await Promise.all([load.finished, transform.finished]);
      for (const finished of [loading, transforming]) {
        if (finished.code !== 0) failed.push(`${title}: exit ${finished.code}: ${errorLine(finished)}`);
      }
      const prices = await home.folderOf(lake, 'raw_data/');
      const wrong = await differingMonths(db, source, prices, loaded);
      if (wrong.length > 0) failed.push(`${title}: ${wrong.join(', ')} not as loaded`);
      if (await overlaps(home, lake)) overlapping += 1;
      const written = await home.folderOf(lake, 'features/');
      const fromBefore = await differingEras(db, SET, written, before);
      const fromAfter = await differingEras(db, SET, written, after);
      if (transforming.code === 0 && fromBefore.length > 0 && fromAfter.length > 0) {
        mixed.push(`${title}: ${fromBefore.length} eras are not of before, ${fromAfter.length} not of after`);
      }
      await home.removeLake(lake);
    }
    return { rounds, overlapping, failed, mixed };
  } finally {
    await server.close();
  }
}

async function prepare(
  home: LakeHome,
  market: RestatedMarket,
  source: Source,
  server: YahooServer,
  run: (...args: string[]) => Promise<Finished>,
): Promise<Expected> {
  const { first, second } = market.load[source];
  const bare = home.newLake();
  market.play(server, 'before');
  await run('load', ...first, '--lake', bare);
  market.play(server, 'after');
  const before = await home.copyLake(bare);
  await run(...TRANSFORM, '--lake', before);
  const after = await home.copyLake(bare);
  await run('load', ...second, '--lake', after);
  await run(...TRANSFORM, '--lake', after);
  return {
    source,
    lakes: [
      { hasSet: false, url: bare },
      { hasSet: true, url: before },
    ],
    loaded: await home.folderOf(after, 'raw_data/'),
    before: await home.folderOf(before, 'features/'),
    after: await home.folderOf(after, 'features/'),
  };
}

async function succeed(running: Promise<Finished>): Promise<Finished> {
  const finished = await running;
  if (finished.code !== 0) throw new Error(`a quiet command ended with ${finished.code}: ${finished.stderr}`);
  return finished;
}

/** Whether a month was switched between the beginning and the end of the transform. */
async function overlaps(home: LakeHome, lake: string): Promise<boolean> {
  const folder = await home.folderOf(lake, 'runs/');
  const latest = (job: string): any => {
    const name = readdirSync(join(folder, 'runs', job))
      .toSorted()
      .at(-1)!;
    return JSON.parse(readFileSync(join(folder, 'runs', job, name), 'utf8'));
  };
  const [load, transform] = [latest('load'), latest('transform')];
  const within = (from: number, to: number): boolean =>
    from <= Date.parse(transform.finishedAt) && to >= Date.parse(transform.startedAt);
  if (load.merges !== undefined) {
    return load.merges.some(({ from, to }: { from: string; to: string }) =>
      within(Date.parse(from), Date.parse(to)),
    );
  }
  const written = await home.writtenAt(lake, 'raw_data/');
  // S3 tells whole seconds.
  const first = Math.floor(Date.parse(load.startedAt) / 1000) * 1000;
  return [...written.values()].some((at) => at >= first && within(at, at + (at % 1000 === 0 ? 999 : 0)));
}

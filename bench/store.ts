import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startAwsEmulator, stopAwsEmulator } from '../test/support/aws-emulator-process.ts';
import { median } from './median.ts';
import { whyMissing } from '../test/support/needs.ts';

const ROOT = join(import.meta.dirname, '..');
const RUNS = 9;
const BUCKET = 'bench';

interface StrategiesRun {
  readonly environmentMs: number;
  readonly ms: number;
  readonly rows: number;
  readonly digest: string;
}

/**
 * Milliseconds of puts and hits of text by level, beside bentocache over files, with the peak memory of each; and of
 * four strategies of the sample, built and read back, each in a process of its own. Medians.
 */
export async function benchStore(): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'signals-bench-'));
  await startAwsEmulator();
  try {
    const endpoint = process.env['TEST_AWS_ENDPOINT'];
    if (endpoint === undefined) throw new Error(whyMissing('AWS emulator'));
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    client.destroy();
    return {
      node: process.versions.node,
      sqlite: await run('sqlite', folder),
      s3Emulator: await run('s3', folder, endpoint, BUCKET),
      bentocacheFiles: await run('bentocache', folder),
      strategies: await benchStrategies(folder),
    };
  } finally {
    await stopAwsEmulator();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchStrategies(folder: string): Promise<unknown> {
  const load = [
    'load',
    '--source',
    'csv',
    '--path',
    join(ROOT, 'data/sample'),
    '--start',
    '2003-01-01',
    '--end',
    '2013-01-01',
  ];
  execFileSync(
    process.execPath,
    [join(ROOT, 'jobs/cli.ts'), ...load, '--lake', `file:${join(folder, 'lake')}`],
    {
      cwd: folder,
      stdio: 'ignore',
    },
  );
  const [builds, reads]: StrategiesRun[][] = [[], []];
  for (let index = 0; index < RUNS; index += 1) {
    builds!.push((await run('build', folder)) as StrategiesRun);
    reads!.push((await run('read', folder)) as StrategiesRun);
  }
  const all = [...builds!, ...reads!];
  if (new Set(all.map(({ digest }) => digest)).size !== 1)
    throw new Error('what was read is not what was built');
  const [buildMs, readMs] = [builds!, reads!].map((runs) => median(runs.map(({ ms }) => ms)));
  return {
    strategies: 4,
    rows: all[0]!.rows,
    runs: RUNS,
    environmentMs: Number(median(all.map(({ environmentMs }) => environmentMs)).toPrecision(3)),
    buildMs: Number(buildMs!.toPrecision(3)),
    readMs: Number(readMs!.toPrecision(3)),
    ratio: Number((buildMs! / readMs!).toPrecision(3)),
    isEqualBitForBit: true,
  };
}

/** Not waited for synchronously: somebody has to take what the emulator says meanwhile. */
async function run(...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(ROOT, 'bench/store-part.ts'),
    ...args,
  ]);
  return JSON.parse(stdout);
}

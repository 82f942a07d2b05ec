import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startAwsEmulator, stopAwsEmulator } from '../test/support/aws-emulator-process.ts';
import { median } from './median.ts';

const ROOT = join(import.meta.dirname, '..');
const RUNS = 9;
const BUCKET = 'bench';

interface StrategiesRun {
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
    if (endpoint === undefined) throw new Error(process.env['TEST_AWS_MISSING']);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    client.destroy();
    return {
      node: process.versions.node,
      sqlite: run('sqlite', folder),
      s3Emulator: run('s3', folder, endpoint, BUCKET),
      bentocacheFiles: run('bentocache', folder),
      strategies: benchStrategies(folder),
    };
  } finally {
    await stopAwsEmulator();
    rmSync(folder, { recursive: true, force: true });
  }
}

function benchStrategies(folder: string): unknown {
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
  const [builds, reads] = ['build', 'read'].map((part) =>
    Array.from({ length: RUNS }, () => run(part, folder) as StrategiesRun),
  );
  const all = [...builds!, ...reads!];
  if (new Set(all.map(({ digest }) => digest)).size !== 1)
    throw new Error('what was read is not what was built');
  const [buildMs, readMs] = [builds!, reads!].map((runs) => median(runs.map(({ ms }) => ms)));
  return {
    strategies: 4,
    rows: all[0]!.rows,
    runs: RUNS,
    buildMs: Number(buildMs!.toPrecision(3)),
    readMs: Number(readMs!.toPrecision(3)),
    ratio: Number((buildMs! / readMs!).toPrecision(3)),
    isEqualBitForBit: true,
  };
}

function run(...args: string[]): unknown {
  const out = execFileSync(process.execPath, [join(ROOT, 'bench/store-part.ts'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(out);
}

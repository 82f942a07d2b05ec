import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { awsEnvironment, createBucket } from '../support/aws.ts';
import { stock } from '../support/charts.ts';
import { signals, start, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';
import { startYahooServer } from '../support/yahoo-server.ts';

/* The same commands on a lake in S3, against the emulator, as on one in a folder. */

const folder = temporaryFolder();

describeWith('AWS emulator', 'a lake in S3', () => {
  let lake: string;
  const run = (command: string, target: string, ...args: string[]): Promise<Finished> =>
    signals([command, ...args, '--lake', target], folder, awsEnvironment());
  const fill = async (target: string): Promise<void> => {
    const load = [
      '--source',
      'csv',
      '--path',
      sampleFolder,
      '--universe',
      join(sampleFolder, 'universe.csv'),
      '--start',
      '2012-06-01',
    ];
    expect(await run('load', target, ...load)).toMatchObject({ code: 0 });
    expect(await run('transform', target, '--cmd', 'other', '--lags', '2')).toMatchObject({ code: 0 });
  };
  beforeAll(async () => {
    lake = `s3://${await createBucket()}/some/prefix`;
    await fill(lake);
  });

  test('answers queries as a lake in a folder does', async () => {
    const local = `file:${join(mkdtempSync(join(folder, 'case-')), 'lake')}`;
    await fill(local);
    for (const name of ['live', 'coverage', 'ranked', 'actions']) {
      const [remote, near] = await Promise.all(
        [lake, local].map((target) => run('query', target, '--name', name, '--format', 'csv')),
      );
      expect(remote).toMatchObject({ code: 0 });
      expect(remote!.stdout).toBe(near!.stdout);
      expect(remote!.stdout.split('\n').length).toBeGreaterThan(5);
    }
  });

  test('is left as it is by a second load and transform', async () => {
    const load = ['--source', 'csv', '--path', sampleFolder, '--start', '2012-06-01'];
    expect(await run('load', lake, ...load)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/0 month objects written/),
    });
    expect(await run('transform', lake, '--cmd', 'other', '--lags', '2')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/0 written/),
    });
  });

  test('has one row per ticker and session', async () => {
    expect(await run('query', lake, 'select count(*) as n from raw_data', '--format', 'json')).toMatchObject({
      stdout: '[{"n":1460}]\n',
    });
  });

  test('takes up a killed load, and shards side by side lose nothing', async () => {
    const server = await startYahooServer();
    try {
      const symbols = Array.from({ length: 60 }, (_, index) => `S${String(index).padStart(2, '0')}`);
      for (const symbol of symbols) server.symbols.set(symbol, stock(symbol, '2024-03-11', '2024-03-23'));
      const universe = join(mkdtempSync(join(folder, 'case-')), 'universe.csv');
      const lines = symbols.map((symbol) => `${symbol},,,${symbol}`);
      writeFileSync(universe, ['id,numerai_ticker,bloomberg_ticker,yahoo', ...lines, ''].join('\n'));
      const env = { ...awsEnvironment(), YAHOO_BASE_URL: server.url, YAHOO_RATE: '0' };
      const args = ['load', '--start', '2024-03-11', '--end', '2024-03-23', '--universe', universe];
      const sql = 'select ticker, date, close from raw_data order by ticker, date';

      const killed = `s3://${await createBucket()}`;
      const running = start([...args, '--lake', killed], folder, env);
      const chart = server.symbols.get('S40')!;
      server.symbols.set('S40', () => running.child.kill('SIGKILL'));
      expect(await running.finished).toMatchObject({ signal: 'SIGKILL' });
      server.symbols.set('S40', chart);
      server.asked.length = 0;
      expect(await signals([...args, '--lake', killed], folder, env)).toMatchObject({ code: 0 });
      expect(server.asked.length).toBeLessThan(symbols.length);

      const sharded = `s3://${await createBucket()}/lake`;
      const shard = (index: number): Promise<Finished> =>
        signals([...args, '--shard', `${index}/2`, '--lake', sharded], folder, env);
      expect(await Promise.all([shard(1), shard(2)])).toMatchObject([{ code: 0 }, { code: 0 }]);
      expect(await signals([...args, '--merge-shards', '2', '--lake', sharded], folder, env)).toMatchObject({
        code: 0,
      });
      const [one, other] = await Promise.all(
        [killed, sharded].map((target) => run('query', target, sql, '--format', 'csv')),
      );
      expect(one!.stdout.split('\n')).toHaveLength(symbols.length * 10 + 2);
      expect(other!.stdout).toBe(one!.stdout);
    } finally {
      await server.close();
    }
  });
});

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { awsEnvironment, createBucket, describeWithAws } from '../support/aws.ts';
import { signals, type Finished } from '../support/command.ts';
import { sampleFolder, temporaryFolder } from '../support/folders.ts';

/* The same commands on a lake in S3, against the emulator, as on one in a folder. */

const folder = temporaryFolder();

describeWithAws('a lake in S3', () => {
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
});

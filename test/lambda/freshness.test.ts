import { beforeAll, describe, expect, test } from '@jest/globals';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { findOverdue, tradingDaysBetween } from '../../lambda/freshness/overdue.ts';
import { manifestKey, pricesKey } from '../../jobs/lake/layout.ts';
import { awsClientConfig, awsEnvironment, createBucket } from '../support/aws.ts';
import { startScript } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

const maxHours = { load: 30, transform: 174 };
const at = (text: string): Date => new Date(`${text}Z`);
// Thursday.
const now = at('2026-11-26T06:00:00');
const fresh = {
  runs: { load: [at('2026-11-25T23:20:00')], transform: [at('2026-11-21T01:10:00')] },
  prices: at('2026-11-25T23:19:00'),
};

describe('what is overdue', () => {
  test('nothing after a night in which all went well', () => {
    expect(findOverdue(fresh, now, maxHours)).toEqual([]);
  });

  test('a load that has not finished since the night before last', () => {
    const runs = { ...fresh.runs, load: [at('2026-11-24T23:20:00')] };
    expect(findOverdue({ ...fresh, runs }, now, maxHours)).toEqual([
      { job: 'load', message: 'no load has finished for 30 hours; last: 2026-11-24T23:20:00.000Z' },
    ]);
  });

  test('a load that never ran', () => {
    const state = { runs: { load: [], transform: [] }, prices: undefined };
    expect(findOverdue(state, now, maxHours).map(({ message }) => message)).toEqual([
      'no load has finished for 30 hours; last: never',
    ]);
  });

  test('a transform, a week after the last one or after the first load', () => {
    const late = { ...fresh.runs, transform: [at('2026-11-14T01:10:00')] };
    expect(findOverdue({ ...fresh, runs: late }, now, maxHours).map(({ job }) => job)).toEqual(['transform']);
    const first = { load: [at('2026-11-24T23:20:00'), ...fresh.runs.load], transform: [] };
    expect(findOverdue({ ...fresh, runs: first }, now, maxHours)).toEqual([]);
    const old = { load: [at('2026-11-10T23:20:00'), ...fresh.runs.load], transform: [] };
    expect(findOverdue({ ...fresh, runs: old }, now, maxHours).map(({ job }) => job)).toEqual(['transform']);
  });

  test.each([
    // written, looked at, overdue
    ['2026-11-24T23:19:00', '2026-11-26T06:00:00', false], // Tuesday; only Wednesday has passed
    ['2026-11-23T23:19:00', '2026-11-26T06:00:00', true], // Monday; Tuesday and Wednesday have
    ['2026-11-20T23:19:00', '2026-11-23T06:00:00', false], // Friday, looked at on Monday
    ['2026-11-20T23:19:00', '2026-11-24T06:00:00', false], // on Tuesday
    ['2026-11-20T23:19:00', '2026-11-25T06:00:00', true], // on Wednesday
  ])('prices written %s, looked at %s: %s', (prices, when, isOverdue) => {
    const runs = { load: [at(when)], transform: [at(when)] };
    const found = findOverdue({ runs, prices: at(prices) }, at(when), maxHours);
    expect(found.map(({ message }) => message.startsWith('no new prices for 2 trading days'))).toEqual(
      isOverdue ? [true] : [],
    );
  });

  test('trading days are Mondays to Fridays between two dates', () => {
    expect(tradingDaysBetween('2026-11-20', '2026-11-30')).toBe(5);
    expect(tradingDaysBetween('2026-11-21', '2026-11-22')).toBe(0);
    expect(tradingDaysBetween('2026-11-25', '2026-11-25')).toBe(0);
  });
});

describeWith('AWS emulator', 'the freshness function', () => {
  let bucket: string;
  const folder = temporaryFolder();
  const script = join(folder, 'call.ts');
  const s3 = new S3Client(awsClientConfig);
  const call = () =>
    startScript(script, [], folder, {
      ...awsEnvironment(),
      BUCKET: bucket,
      MAX_HOURS_LOAD: '30',
      MAX_HOURS_TRANSFORM: '174',
    }).finished;

  beforeAll(async () => {
    bucket = await createBucket();
    const handler = join(repository, 'lambda/freshness/handler.ts');
    writeFileSync(script, `import { handler } from ${JSON.stringify(handler)};\nawait handler();\n`);
  });

  test('logs an error line for what is overdue, in the form that the filter looks for', async () => {
    const { code, log } = await call();
    expect(code).toBe(0);
    expect(log).toEqual([
      expect.objectContaining({ level: 'error', job: 'freshness', code: 'stale', overdue: 'load' }),
    ]);
  });

  test('logs no error while runs and prices are new', async () => {
    for (const Key of [
      manifestKey('load', '20261121T230000Z-1f0c9a'),
      manifestKey('transform', '20261121T010000Z-2f0c9a'),
      pricesKey('yahoo', '2026-11'),
    ]) {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
    }
    const { log } = await call();
    expect(log.map(({ level }) => level)).toEqual(['info']);
  });
});

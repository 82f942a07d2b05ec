import { describe, expect, test } from '@jest/globals';
import { Size } from 'aws-cdk-lib';
import { createStages, createUniverse, type StageConfig } from '../../lib/config.ts';
import { estimateCosts, USUAL } from '../../lib/cost/estimate.ts';
import { startScript } from '../support/command.ts';
import { repository } from '../support/folders.ts';
import { exampleSettings } from './stages.ts';
import { join } from 'node:path';

const { prod, dev } = createStages(exampleSettings);
const total = (config: StageConfig, usage = USUAL): number =>
  estimateCosts(config, usage).reduce((sum, { usd }) => sum + usd, 0);
const item = (config: StageConfig, name: string): number =>
  estimateCosts(config, USUAL).find((line) => line.item === name)!.usd;

test('5,000 tickers a day cost less than 5 USD a month', () => {
  expect(prod.tickers).toBe(5000);
  expect(total(prod)).toBeGreaterThan(1);
  expect(total(prod)).toBeLessThan(5);
});

test('a load is half a processor and 2 GB for 45 minutes a day', () => {
  // By hand: 365.25 / 12 days x 45 / 60 hours x (0.5 x 0.03238 + 2 x 0.00356) USD.
  expect(item(prod, 'load')).toBeCloseTo(30.4375 * (45 / 60) * (0.01619 + 0.00712), 10);
});

test('a crawl is billed for ten minutes of two units, twice a week', () => {
  expect(item(prod, 'crawler')).toBeCloseTo(2 * (30.4375 / 7) * (10 / 60) * 2 * 0.44, 10);
  const daily = { ...prod, crawl: { hour: '2', minute: '0' } };
  expect(item(daily, 'crawler')).toBeGreaterThan(4);
});

test('units of tables are paid for every hour, with those of their indexes', () => {
  // By hand: 4 tables and 5 indexes x 30.4375 days x 24 hours x (5 x 0.00013 + 2 x 0.00065) USD.
  const tables = {
    tablePrefix: '',
    billing: { mode: 'PROVISIONED', readUnits: 5, writeUnits: 2 } as const,
  };
  const difference = item({ ...prod, tables }, 'statistics') - 1000 * (0.2e-6 + 0.5 * 0.0000133334);
  expect(difference).toBeCloseTo(9 * 30.4375 * 24 * (5 * 0.00013 + 2 * 0.00065), 10);
  expect(item(prod, 'statistics')).toBeLessThan(0.1);
});

test('the state of traders is paid for by the hour, where there is one', () => {
  const trading = { storage: Size.gibibytes(1), ecpuPerSecond: 1000 };
  // By hand: 0.1 GB x 30.4375 days x 24 hours x 0.084 USD, 0.40 USD for the secret, and three alarms of 0.10 USD.
  expect(total({ ...prod, trading }) - total(prod)).toBeCloseTo(0.1 * 30.4375 * 24 * 0.084 + 0.4 + 0.3, 10);
});

test('recovery of tables is paid for by what they hold, where it is on', () => {
  // By hand: 12 months x 1,000 answers x 100 items of 200 bytes, at 0.20 USD a GB.
  expect(item(prod, 'recovery of tables')).toBeCloseTo(0.24 * 0.2, 10);
  expect(total(prod) - total({ ...prod, tableRecovery: false })).toBeCloseTo(0.24 * 0.2, 10);
});

test('a refresh of the universe is a quarter of a processor for two minutes a day', () => {
  const universe = createUniverse('numerai-key');
  // By hand: 365.25 / 12 days x 2 / 60 hours x (0.25 x 0.03238 + 1 x 0.00356 + 0.005) USD.
  expect(total({ ...prod, universe }) - total(prod)).toBeCloseTo(
    30.4375 * (2 / 60) * (0.008095 + 0.00356 + 0.005),
    10,
  );
});

describe('what drives it', () => {
  test('spare capacity costs less', () => {
    const spot = { ...prod, load: { ...prod.load, spot: true } };
    expect(item(spot, 'load')).toBeCloseTo(0.3 * item(prod, 'load'), 10);
  });

  test('more tickers, more years and more queries cost more', () => {
    expect(total({ ...prod, tickers: 10_000 })).toBeGreaterThan(total(prod));
    expect(total(prod, { ...USUAL, years: 20 })).toBeGreaterThan(total(prod));
    expect(total(prod, { ...USUAL, queries: 1000 })).toBeGreaterThan(total(prod));
    expect(total(dev)).toBeLessThan(total(prod));
  });
});

test('the table is printed with its sum', async () => {
  const { code, stdout } = await startScript(join(repository, 'bin/cost.ts'), ['--stage', 'prod'], repository)
    .finished;
  expect(code).toBe(0);
  expect(stdout).toContain(`all`);
  expect(stdout).toMatch(new RegExp(`all +${total(prod).toFixed(2)}\n`));
});

test('another stage than dev and prod is refused', async () => {
  const done = await startScript(join(repository, 'bin/cost.ts'), ['--stage', 'test'], repository).finished;
  expect([done.code === 0, done.stderr]).toEqual([
    false,
    expect.stringContaining('Allowed choices are dev, prod'),
  ]);
});

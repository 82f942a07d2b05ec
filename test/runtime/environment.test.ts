import { expect, test } from '@jest/globals';
import { readEnvironment } from '../../jobs/runtime/environment.ts';

test('nothing set means a lake and a trading state below data, info and the format that fits the output', () => {
  expect(readEnvironment({})).toEqual({
    lake: 'file:./data/lake',
    athena: undefined,
    objects: { url: 'file:data/objects', organisation: 'default', workspace: 'default' },
    requestTimeoutMs: 15_000,
    tradingState: 'sqlite:data/cache/trading.db',
    tradingStatePassword: undefined,
    yahooBaseUrl: undefined,
    yahooRate: 2,
    yahooInFlight: 4,
    numeraiBaseUrl: undefined,
    numeraiApiKey: undefined,
    treasuryBaseUrl: undefined,
    cache: {
      mode: 'sqlite',
      sqliteFile: 'data/cache/statistics.db',
      tablePrefix: '',
      billing: { mode: 'PAY_PER_REQUEST' },
      provision: 'if-missing',
    },
    riskFree: 'TEN_YEAR',
    marketProxy: 'SPY',
    logLevel: 'info',
    logFormat: undefined,
  });
});

test('one name of Athena asks for it, with the usual names for the others', () => {
  expect(readEnvironment({ SIGNALS_WORKGROUP: 'team' }).athena).toEqual({
    database: 'signals',
    workgroup: 'team',
    crawler: 'signals-crawler',
  });
});

test('an empty variable is one that is not set', () => {
  expect(readEnvironment({ SIGNALS_LAKE: '', LOG_LEVEL: '' }).lake).toBe('file:./data/lake');
  expect(readEnvironment({ TRADING_STATE: '' }).tradingState).toBe('sqlite:data/cache/trading.db');
});

test.each([
  ['LOG_LEVEL', 'loud'],
  ['LOG_FORMAT', 'xml'],
  ['YAHOO_BASE_URL', 'not a url'],
  ['YAHOO_BASE_URL', 'ftp://x.example'],
  ['NUMERAI_BASE_URL', 'not a url'],
  ['TREASURY_BASE_URL', 'not a url'],
  ['CACHE_MODE', 'redis'],
  ['CACHE_PROVISION', 'always'],
  ['DYNAMO_BILLING_MODE', 'FREE'],
  ['DYNAMO_READ_UNITS', '0'],
  ['TABLE_PREFIX', 'a/b'],
])('%s "%s" is refused by name and value', (name, value) => {
  expect(() => readEnvironment({ [name]: value })).toThrow(`${name} "${value}"`);
});

test('provisioned tables need their units', () => {
  const variables = { DYNAMO_BILLING_MODE: 'PROVISIONED', DYNAMO_READ_UNITS: '5' };
  expect(() => readEnvironment(variables)).toThrow('needs DYNAMO_READ_UNITS and DYNAMO_WRITE_UNITS');
  expect(readEnvironment({ ...variables, DYNAMO_WRITE_UNITS: '2' }).cache.billing).toEqual({
    mode: 'PROVISIONED',
    readUnits: 5,
    writeUnits: 2,
  });
});

test('on AWS tables are not made on first use, unless asked for', () => {
  const variables = { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' };
  expect(readEnvironment(variables).cache.provision).toBe('never');
  expect(readEnvironment({ ...variables, CACHE_PROVISION: 'if-missing' }).cache.provision).toBe('if-missing');
});

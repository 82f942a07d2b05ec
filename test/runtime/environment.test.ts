import { expect, test } from '@jest/globals';
import { readEnvironment } from '../../jobs/runtime/environment.ts';

test('nothing set means a lake and a trading state below data, info and the format that fits the output', () => {
  expect(readEnvironment({})).toEqual({
    lake: 'file:./data/lake',
    athena: undefined,
    tradingState: 'sqlite:data/cache/trading.db',
    yahooBaseUrl: undefined,
    yahooRate: 2,
    yahooInFlight: 4,
    numeraiBaseUrl: undefined,
    numeraiApiKey: undefined,
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
])('%s "%s" is refused by name and value', (name, value) => {
  expect(() => readEnvironment({ [name]: value })).toThrow(`${name} "${value}"`);
});

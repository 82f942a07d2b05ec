import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseCorrections, readCorrections } from '../../jobs/market/corrections.ts';
import { candidates } from '../../jobs/market/symbols/candidates.ts';
import { repository } from '../support/folders.ts';

test('are symbols by Bloomberg ticker, or null for a name that Yahoo does not have', () => {
  const text = `{
    "DBS SP": { "yahoo": "D05.SI", "reason": "code of the exchange" },
    "GONE US": { "yahoo": null, "reason": "delisted" }
  }`;
  const corrections = parseCorrections(text, 'c.json');
  expect(corrections.get('DBS SP')).toEqual({ yahoo: 'D05.SI', reason: 'code of the exchange' });
  expect(corrections.get('GONE US')?.yahoo).toBeNull();
  expect(corrections.get('AAPL US')).toBeUndefined();
});

test.each([
  ['{', /^corrections file "c\.json" is not JSON: /],
  ['[]', /^corrections file "c\.json": the file: /],
  ['{"DBS SP": "D05.SI"}', /^corrections file "c\.json": DBS SP: /],
  ['{"DBS SP": {"yahoo": "D05.SI"}}', /^corrections file "c\.json": DBS SP, reason: /],
  [
    '{"DBS SP": {"yahoo": "../x", "reason": "r"}}',
    /^corrections file "c\.json": DBS SP, yahoo: is no symbol$/,
  ],
  ['{"DBS SP": {"yahoo": "", "reason": "r"}}', /^corrections file "c\.json": DBS SP, yahoo: is no symbol$/],
  ['{"DBS SP": {"yahoo": "D05.SI", "reason": "r", "x": 1}}', /^corrections file "c\.json": DBS SP: .*"x"/],
  ['{"DBS": {"yahoo": "D05.SI", "reason": "r"}}', /^corrections file "c\.json": DBS: /],
])('refuses %s in one line', (text, message) => {
  const refused = (): unknown => parseCorrections(text, 'c.json');
  expect(refused).toThrow(message);
  expect(refused).toThrow(expect.objectContaining({ exitCode: 2, message: expect.not.stringMatching(/\n/) }));
});

test('a file that is not there is named', async () => {
  await expect(readCorrections('no/such.json')).rejects.toThrow(/"no\/such\.json" cannot be read/);
});

test('those that are shipped say something that the rules do not', async () => {
  const shipped = await readCorrections(join(repository, 'data/config/ticker_corrections.json'));
  expect(shipped.size).toBeGreaterThan(100);
  const needless = [...shipped].filter(([ticker, { yahoo }]) => {
    const found = candidates(ticker);
    const first = found.kind === 'candidates' ? found.candidates[0]!.symbol : null;
    return first === yahoo && !(found.kind === 'candidates' && found.isDoubtful);
  });
  expect(needless).toEqual([]);
});

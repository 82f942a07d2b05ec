import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  readIndexMembers,
  parseIndexMembers,
  type IndexMembers,
} from '../../jobs/strategies/index-members.ts';
import type { GivenField } from '../../jobs/strategies/observations.ts';
import { EquityUniverseFilter, type UniverseFilterOptions } from '../../jobs/strategies/universe-filter.ts';
import { temporaryFolder } from '../support/folders.ts';
import { contextOf, dateAt, type Figures } from '../support/strategies.ts';

const scratch = temporaryFolder();

function membersOf(lines: string): IndexMembers {
  return parseIndexMembers([{ file: 'made-up.csv', text: `index,ticker,start,end\n${lines}` }]);
}

const ALWAYS = membersOf(['a', 'b', 'c', 'd'].map((ticker) => `DAX,${ticker},2000-01-01,`).join('\n'));

const constant = (values: Record<string, number | string>): GivenField =>
  Object.fromEntries(Object.entries(values).map(([ticker, value]) => [ticker, [['2000-01-01', value]]]));

const CAPS = constant({ a: 5, b: 4, c: 3, d: 2 });

function filterOf(
  fields: Record<string, GivenField>,
  options: Partial<UniverseFilterOptions> = {},
  stocks: Record<string, Figures> = {},
): EquityUniverseFilter {
  return new EquityUniverseFilter('DAX', { context: contextOf(stocks), members: ALWAYS, fields, ...options });
}

const on = async (filter: EquityUniverseFilter, date = '2022-01-04'): Promise<string[]> =>
  (await filter.apply(date)).get(date)!;

test.each([
  ['54 filter in the order of adding, volume a=1 b=9 c=8 d=7', true, { a: 1, b: 9, c: 8, d: 7 }, ['b']],
  ['54 filter independent, volume a=1 b=9 c=8 d=7', false, { a: 1, b: 9, c: 8, d: 7 }, ['b']],
  ['54 filter in the order of adding, volume a=1 b=2 c=9 d=8', true, { a: 1, b: 2, c: 9, d: 8 }, ['b']],
  ['54 filter independent, volume a=1 b=2 c=9 d=8', false, { a: 1, b: 2, c: 9, d: 8 }, []],
])('%s', async (_, useAddOrder, turnover, chosen) => {
  const filter = filterOf({ cap: CAPS, turnover: constant(turnover) }, { useAddOrder });
  expect(await on(filter.add('cap', 'top', 2).add('turnover', 'top', 1))).toEqual(chosen);
});

describe('operations', () => {
  const sector = constant({ a: 'tech', b: 'bank', c: 'tech' });
  const some = constant({ a: 3, b: 1, d: 2 });
  const check = async (add: (filter: EquityUniverseFilter) => unknown, chosen: string[]): Promise<void> => {
    const filter = filterOf({ cap: CAPS, sector, some });
    add(filter);
    expect(await on(filter)).toEqual(chosen);
  };

  test('compare with a number', async () => {
    await check((filter) => filter.add('cap', '>', 3), ['a', 'b']);
    await check((filter) => filter.add('cap', '>=', 3), ['a', 'b', 'c']);
    await check((filter) => filter.add('cap', '<', 3), ['d']);
    await check((filter) => filter.add('cap', '<=', 3), ['c', 'd']);
    await check((filter) => filter.add('cap', '==', 3), ['c']);
  });

  test('look up in a list; what is missing is in none and passes none', async () => {
    await check((filter) => filter.add('sector', 'in', ['tech']), ['a', 'c']);
    await check((filter) => filter.add('sector', 'notIn', ['tech']), ['b']);
    await check((filter) => filter.add('sector', '==', 'bank'), ['b']);
    await check((filter) => filter.add('cap', 'in', [5, 2]), ['a', 'd']);
  });

  test('rank what has a value, with ties in the order of the tickers', async () => {
    await check((filter) => filter.add('some', 'top', 2), ['a', 'd']);
    await check((filter) => filter.add('some', 'bottom', 2), ['b', 'd']);
    await check((filter) => filter.add('some', 'top', 9), ['a', 'b', 'd']);
    const tied = filterOf({ cap: constant({ d: 1, c: 1, b: 1, a: 0 }) });
    expect(await on(tied.add('cap', 'top', 2))).toEqual(['b', 'c']);
    const low = filterOf({ cap: constant({ d: 0, c: 0, b: 0, a: 1 }) });
    expect(await on(low.add('cap', 'bottom', 2))).toEqual(['b', 'c']);
  });

  test('by percent keep the share of those with a value, rounded up', async () => {
    await check((filter) => filter.add('some', 'top', 34, { percent: true }), ['a', 'd']);
    await check((filter) => filter.add('some', 'bottom', 33, { percent: true }), ['b']);
    await check((filter) => filter.add('cap', 'top', 50, { percent: true }), ['a', 'b']);
    await check((filter) => filter.add('cap', 'top', 100, { percent: true }), ['a', 'b', 'c', 'd']);
  });

  test('take several fields, each of which has to pass', async () => {
    await check((filter) => filter.add(['cap', 'some'], '>', 2), ['a']);
  });

  test('exclude at their place in the order', async () => {
    const ordered = filterOf({ cap: CAPS }, { useAddOrder: true });
    expect(await on(ordered.exclude(['a']).add('cap', 'top', 2))).toEqual(['b', 'c']);
    const independent = filterOf({ cap: CAPS });
    expect(await on(independent.exclude(['a']).add('cap', 'top', 2))).toEqual(['b']);
  });

  test('pass over NaN', async () => {
    const filter = filterOf({ cap: { a: [['2000-01-01', NaN]], b: [['2000-01-01', 1]] } });
    expect(await on(filter.add('cap', 'top', 4))).toEqual(['b']);
  });

  test('without any, all members are chosen', async () => {
    expect(await on(filterOf({}))).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('what is known on a date', () => {
  const dated: GivenField = {
    a: [
      ['2022-01-31', 1],
      ['2022-03-31', 3],
    ],
    b: [['2022-02-28', 2]],
  };

  test('is the last value until then', async () => {
    const filter = filterOf({ eps: dated }).add('eps', 'top', 1);
    const chosen = await filter.apply(['2022-03-31', '2022-01-30', '2022-01-31', '2022-02-28', '2022-03-30']);
    expect([...chosen]).toEqual([
      ['2022-01-30', []],
      ['2022-01-31', ['a']],
      ['2022-02-28', ['b']],
      ['2022-03-30', ['b']],
      ['2022-03-31', ['a']],
    ]);
  });

  test('comes later with a reporting lag', async () => {
    const filter = filterOf({ eps: dated }).add('eps', 'top', 1, { reportingLagDays: 45 });
    expect(await on(filter, '2022-05-14')).toEqual(['b']);
    expect(await on(filter, '2022-05-15')).toEqual(['a']);
  });

  test('is a period once it is over', async () => {
    const values: GivenField = {
      a: [
        ['2022-01-03', 1],
        ['2022-01-30', 9],
        ['2022-02-01', 100],
      ],
      b: [
        ['2022-01-03', 6],
        ['2022-01-04', 6],
      ],
    };
    const chosen = async (
      agg: 'mean' | 'max' | 'first' | 'median' | 'sum',
      date: string,
    ): Promise<string[]> =>
      on(filterOf({ x: values }).add('x', 'top', 1, { frequency: 'monthly', agg }), date);
    expect(await chosen('mean', '2022-01-30')).toEqual([]);
    expect(await chosen('mean', '2022-01-31')).toEqual(['b']);
    expect(await chosen('mean', '2022-02-27')).toEqual(['b']);
    expect(await chosen('median', '2022-02-27')).toEqual(['b']);
    expect(await chosen('sum', '2022-02-27')).toEqual(['b']);
    expect(await chosen('first', '2022-02-27')).toEqual(['b']);
    expect(await chosen('max', '2022-02-27')).toEqual(['a']);
    expect(await chosen('mean', '2022-02-28')).toEqual(['a']);
    const quarter = filterOf({ x: values }).add('x', '>', 0, { frequency: 'quarterly' });
    expect(await on(quarter, '2022-03-30')).toEqual([]);
    expect(await on(quarter, '2022-03-31')).toEqual(['a', 'b']);
    // 2022-01-07 is a Friday.
    const week = filterOf({ x: values }).add('x', '>', 0, { frequency: 'weekly' });
    expect(await on(week, '2022-01-06')).toEqual([]);
    expect(await on(week, '2022-01-07')).toEqual(['a', 'b']);
  });
});

describe('prices', () => {
  const stocks: Record<string, Figures> = {
    a: { close: [10, 11, 12, 13], volume: [5, 5, 5, 5] },
    b: { close: [20, null, null, 18], volume: [1, null, null, 9] },
    c: { close: [5, 5, 5, 5.5], volume: [null, null, 100, 1] },
  };
  const at = (index: number, filter: EquityUniverseFilter): Promise<string[]> => on(filter, dateAt(index));

  test('are closes, volumes, what was traded, and returns over closes', async () => {
    const create = (): EquityUniverseFilter => filterOf({}, {}, stocks);
    expect(await at(2, create().add('close', '>', 11))).toEqual(['a', 'b']);
    expect(await at(3, create().add('volume', 'top', 1))).toEqual(['b']);
    expect(await at(2, create().add('dollar_volume', '>', 60))).toEqual(['c']);
    expect(await at(3, create().add('return_3', '>', 0))).toEqual(['a', 'c']);
    // b has two closes, one return over one of them, whatever days lie between.
    expect(await at(3, create().add('return_1', '<', 0))).toEqual(['b']);
  });

  test('that give no return are no value', async () => {
    const broken = { ...stocks, d: { close: [0, 0, 4] } };
    const create = (): EquityUniverseFilter => filterOf({}, {}, broken);
    expect(await at(1, create().add('return_1', 'top', 4))).toEqual(['a', 'c']);
    // From nothing to something is no return either; the last one that there is holds.
    expect(await at(2, create().add('return_1', 'top', 1))).toEqual(['a']);
  });

  test('are enough where they are there on a share of the dates', async () => {
    const create = (): EquityUniverseFilter => filterOf({}, {}, stocks);
    expect(await at(3, create().add('close', 'minDataSize', [4, 0.5]))).toEqual(['a', 'b', 'c']);
    expect(await at(3, create().add('close', 'minDataSize', [4, 0.6]))).toEqual(['a', 'c']);
    expect(await at(3, create().add('close', 'minDataSize', [1, 1]))).toEqual(['a', 'b', 'c']);
    expect(await at(2, create().add('close', 'minDataSize', [1, 1]))).toEqual(['a', 'c']);
    expect(await at(3, create().add('close', 'minDataSize', [5, 1]))).toEqual([]);
  });

  test('are read from the date that is asked for', async () => {
    const options = { pricesFrom: dateAt(1) };
    expect(await at(2, filterOf({}, options, stocks).add('close', '>', 0))).toEqual(['a', 'c']);
  });
});

describe('members', () => {
  const members = membersOf(
    'DAX,a,2020-01-01,2021-01-01\nDAX,a,2022-01-01,\nDAX,b,2020-06-01,\nMDAX,c,2020-01-01,',
  );

  test('are in from their start up to before their end', async () => {
    const filter = filterOf({}, { members });
    expect([...(await filter.apply(['2019-12-31', '2020-12-31', '2021-01-01', '2022-01-01']))]).toEqual([
      ['2019-12-31', []],
      ['2020-12-31', ['a', 'b']],
      ['2021-01-01', ['b']],
      ['2022-01-01', ['a', 'b']],
    ]);
  });

  test('of an example index come with the project', async () => {
    const example = await readIndexMembers();
    expect(example.on('EXAMPLE INDEX', '2011-09-05')).toContain('GLD');
    expect(example.on('EXAMPLE INDEX', '2011-09-06')).not.toContain('GLD');
    expect(example.on('EXAMPLE INDEX', '2012-06-01')).toContain('GLD');
  });

  test('are read from all files of a folder', async () => {
    const folder = join(scratch, 'indexes');
    await expect(readIndexMembers(folder)).rejects.toThrow(/^folder of indexes ".*" cannot be read: ENOENT/);
    mkdirSync(folder);
    writeFileSync(join(folder, 'one.csv'), 'index,ticker,start,end\nONE,X,2020-01-01,\n');
    writeFileSync(join(folder, 'two.csv'), 'index,ticker,start,end\nONE,Y,2020-01-01,\n');
    writeFileSync(join(folder, 'note.txt'), 'not read');
    expect((await readIndexMembers(folder)).on('ONE', '2020-01-01')).toEqual(['X', 'Y']);
  });

  test.each([
    ['DAX,a,2020-13-01,', /line 2: start "2020-13-01" is not a date/],
    ['DAX,a,2020-01-01,soon', /line 2: end "soon" is not a date/],
    ['DAX,a,2020-01-01,2020-01-01', /line 2: end 2020-01-01 is not after start 2020-01-01/],
    ['DAX,,2020-01-01,', /line 2: index and ticker must not be empty/],
    ['DAX,a,2020-01-01,\nDAX,a,2021-01-01,', /line 3: a is in DAX from 2020-01-01 already/],
    ['DAX,a,2020-01-01', /made-up.csv": /],
  ])('%j is refused', (lines, message) => {
    expect(() => membersOf(lines)).toThrow(message);
  });

  test('need the header', () => {
    expect(() => parseIndexMembers([{ file: 'x.csv', text: 'ticker,index\n' }])).toThrow(
      'index file "x.csv" starts with "ticker,index", it must be "index,ticker,start,end"',
    );
  });
});

describe('refuses', () => {
  const create = (): EquityUniverseFilter => filterOf({ cap: CAPS, sector: constant({ a: 'tech' }) });
  const recipeError = (message: RegExp): object =>
    expect.objectContaining({ code: 'recipe', message: expect.stringMatching(message) });

  test.each<[string, (filter: EquityUniverseFilter) => unknown, RegExp]>([
    [
      'an unknown field',
      (it) => it.add('size', '>', 1),
      /^field "size" is not known; choose close, .*cap, sector$/,
    ],
    [
      'an unknown operation',
      (it) => it.add('cap', 'highest' as never, 1 as never),
      /^op of a filter of EquityUniverseFilter is "highest": is no operation; choose top, /,
    ],
    ['a part of a name', (it) => it.add('cap', 'top', 1.5), /^value .* is 1.5: is no number of names$/],
    ['no name', (it) => it.add('cap', 'top', 0), /^value .* is 0: /],
    ['too many percent', (it) => it.add('cap', 'top', 101, { percent: true }), /is more than 100 percent/],
    ['percent of a comparison', (it) => it.add('cap', '>', 1, { percent: true } as never), /percent/],
    ['a text to compare with', (it) => it.add('cap', '>', 'x' as never), /^value .* is "x": /],
    ['an empty list', (it) => it.add('cap', 'in', []), /^value .* is \[\]: /],
    ['a data size of one number', (it) => it.add('cap', 'minDataSize', 5 as never), /^value .* is 5: /],
    ['an unknown frequency', (it) => it.add('cap', 'top', 1, { frequency: 'yearly' as never }), /"yearly"/],
    [
      'days that are aggregated',
      (it) => it.add('cap', 'top', 1, { agg: 'mean' }),
      /goes with a frequency of/,
    ],
    ['a lag into the future', (it) => it.add('cap', 'top', 1, { reportingLagDays: -1 }), /is -1: /],
  ])('%s', (_, add, message) => {
    expect(() => add(create())).toThrow(recipeError(message));
  });

  test('dates after the environment date, and what is no date', async () => {
    await expect(create().apply(['2020-01-01', '2030-01-02'])).rejects.toThrow(
      'date 2030-01-02 of EquityUniverseFilter is after the environment date 2030-01-01; choose an earlier one',
    );
    await expect(create().apply('yesterday')).rejects.toThrow(/"yesterday": is not a date of the calendar/);
    await expect(create().apply([])).rejects.toMatchObject({ code: 'recipe' });
  });

  test('an unknown index', async () => {
    const filter = new EquityUniverseFilter('SPX', { context: contextOf({}), members: ALWAYS });
    await expect(filter.apply('2022-01-04')).rejects.toThrow('index "SPX" has no members; the table has DAX');
  });

  test('texts where numbers are needed', async () => {
    const message = 'field "sector" has the text "tech" where a number is needed; use ==, in or notIn';
    await expect(create().add('sector', 'top', 1).apply('2022-01-04')).rejects.toThrow(message);
    const monthly = create().add('sector', '==', 'tech', { frequency: 'monthly', agg: 'mean' });
    await expect(monthly.apply('2022-01-04')).rejects.toThrow(message);
  });

  test('given fields that are none', () => {
    expect(() => filterOf({ close: CAPS })).toThrow(
      'field "close" is one of prices; give yours another name',
    );
    expect(() => filterOf({ cap: { a: [['2020-02-30', 1]] } })).toThrow(
      /cap.a.0.0 of fields .* "2020-02-30"/,
    );
    const twice: GivenField = {
      a: [
        ['2020-01-01', 1],
        ['2020-01-01', 2],
      ],
    };
    expect(() => filterOf({ cap: twice })).toThrow('field "cap" of a has two values on 2020-01-01');
  });

  test('prices that the lake does not have', async () => {
    const filter = filterOf({}, {}, { other: { close: [1] } }).add('close', '>', 0);
    await expect(filter.apply('2022-01-04')).rejects.toMatchObject({
      code: 'no-prices',
      message: expect.stringContaining(
        'no member of "DAX" has prices up to 2022-01-04 in the lake; load them',
      ),
    });
  });
});

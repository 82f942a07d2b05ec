import { expect, test } from '@jest/globals';
import { XMLParser } from 'fast-xml-parser';
import { toDay } from '../../jobs/runtime/dates.ts';
import { drawdowns, renderHistory } from '../../jobs/strategies/plot.ts';

const series = {
  dates: Int32Array.of(toDay('2020-01-02'), toDay('2020-01-03'), toDay('2020-01-06'), toDay('2020-01-07')),
  levels: Float64Array.of(1000, 1100, 825, 1100),
};

test('drawdowns are below the highest level so far', () => {
  expect([...drawdowns(series.levels)]).toEqual([0, 0, -0.25, 0]);
});

test.each(['svg', 'html'] as const)('a history is drawn as %s', (form) => {
  const picture = renderHistory('A <b> & C STRATEGY', series, form);
  for (const text of ['level', 'drawdown, %', '2020-01-02 to 2020-01-07, 4 dates'])
    expect(picture).toContain(text);
  expect(picture).toContain('A &lt;b&gt; &amp; C STRATEGY');
  expect(picture).not.toContain('<b>');
  expect(picture).not.toContain('NaN');
  expect(picture.startsWith('<!doctype html>')).toBe(form === 'html');
  const svg = picture.slice(picture.indexOf('<svg'), picture.lastIndexOf('</svg>') + 6);
  expect(() => new XMLParser().parse(svg, true)).not.toThrow();
});

test('a history of one date is drawn too', () => {
  const first = { dates: series.dates.slice(0, 1), levels: series.levels.slice(0, 1) };
  expect(renderHistory('ONE', first, 'svg')).toContain('2020-01-02 to 2020-01-02, 1 dates');
});

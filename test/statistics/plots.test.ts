import { describe, expect, test } from '@jest/globals';
import { XMLParser } from 'fast-xml-parser';
import type { Answer } from '../../jobs/statistics/functions/definition.ts';
import { renderPlot } from '../../jobs/statistics/plots/render-plot.ts';
import { randomNumbers } from '../support/series.ts';

function draw(name: Answer['function'], result: unknown, tickers: readonly string[] = []): string {
  const rows = { rows: 250, first: '2025-01-02', last: '2025-12-31' };
  const svg = renderPlot(
    {
      function: name,
      window: { start: '2025-01-01', end: '2026-01-01' },
      method: 'moments',
      weekends: false,
      marketProxy: 'SPY',
      riskFree: undefined,
      prices: Object.fromEntries(tickers.map((ticker) => [ticker, rows])),
      cache: { hits: 0, misses: 0 },
      warnings: [],
      result,
    },
    'svg',
  );
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  expect(() => new XMLParser().parse(svg, true)).not.toThrow();
  return svg;
}

const countOf = (svg: string, mark: string): number => svg.split(mark).length - 1;
const portfolio = (annualReturn: number, volatility: number) => ({
  portfolio_return: annualReturn,
  portfolio_volatility: volatility,
});

describe('a picture', () => {
  test('of a frontier marks the special portfolios, and leaves out the one there is not', () => {
    const [low, high] = [portfolio(0.05, 0.1), portfolio(0.2, 0.3)];
    const result = {
      corners: [low, high],
      curve: [
        [0.1, 0.05],
        [0.3, 0.2],
      ],
      minimum_variance: low,
      maximum_return: high,
      maximum_sharpe: portfolio(0.1, 0.15),
    };
    const svg = draw('frontier', result);
    expect(countOf(svg, 'r="8"')).toBe(3);
    expect(svg).toContain('maximum Sharpe ratio');
    const without = draw('frontier', { ...result, maximum_sharpe: null });
    expect(countOf(without, 'r="8"')).toBe(2);
    expect(without).not.toContain('maximum Sharpe ratio');
    // All returns alike: the frontier is one point.
    const alone = { corners: [low], curve: [[0.1, 0.05]], minimum_variance: low, maximum_return: low };
    draw('frontier', { ...alone, maximum_sharpe: low });
  });

  test('of correlations has a cell for each pair, with numbers where they can be read', () => {
    const matrix = (count: number): object => ({
      correlation_matrix: Array.from({ length: count }, (_, i) =>
        Array.from({ length: count }, (_none, j) => (i === j ? 1 : -0.25)),
      ),
    });
    const few = draw('correlation', matrix(2), ['AAPL', '<&">']);
    expect(countOf(few, '-0.25<')).toBe(2);
    expect(few).toContain('&lt;&amp;&quot;&gt;');
    const many = Array.from({ length: 40 }, (_, index) => `T${index}`);
    const svg = draw('correlation', matrix(40), many);
    expect(countOf(svg, '-0.2500</title>')).toBe(40 * 39);
    expect(countOf(svg, '-0.25<')).toBe(0);
  });

  test('of returns has a bar a bin that hold every return, and a dot for each', () => {
    const random = randomNumbers(3);
    const values = Array.from({ length: 250 }, (_, index) => [`day ${index}`, random() - 0.5]);
    const svg = draw('returns', { AAPL: Object.fromEntries(values) });
    expect(countOf(svg, '<rect')).toBe(1 + 20);
    expect(countOf(svg, 'r="2.5"')).toBe(250);
    expect(() => draw('returns', { AAPL: { a: 0, b: 0, c: 0 } })).toThrow('AAPL does not move');
  });

  test('of a yield curve leaves out maturities without a yield', () => {
    const yields = { ONE_MONTH: 0.01, SIX_WEEK: null, TEN_YEAR: 0.02 };
    const svg = draw('yield-curve', { date: '2025-12-31', convention: 'effective', yields });
    expect(countOf(svg, '<circle')).toBe(2);
  });

  test('of anything else there is none', () => {
    expect(() => draw('profile', {})).toThrow('profile has no picture; frontier, correlation, yield-curve');
  });
});

import type { EChartsCoreOption } from 'echarts/core';
import { renderChart } from '../runtime/chart.ts';
import { UsageError } from '../runtime/errors.ts';
import { normalPdf, normalQuantile } from './estimators/normal.ts';
import type { Answer } from './functions/definition.ts';
import { MATURITIES, type Maturity } from './interest/yields.ts';

const BINS = 20;

interface PlottedPortfolio {
  readonly portfolio_return: number;
  readonly portfolio_volatility: number;
}

/** An answer drawn as `svg`, or as an `html` page with it. Throws UsageError for one that has no picture. */
export function renderPlot(answer: Answer, form: 'svg' | 'html'): string {
  return renderChart(describe(answer), form, answer.function);
}

function describe({ function: name, window: { start, end }, result, prices }: Answer): EChartsCoreOption {
  const range = `${start} up to before ${end}`;
  switch (name) {
    case 'frontier':
      return frontier(range, result as Parameters<typeof frontier>[1]);
    case 'correlation':
      return heatMap(
        range,
        (result as { correlation_matrix: number[][] }).correlation_matrix,
        Object.keys(prices),
      );
    case 'yield-curve':
      return yieldCurve(result as Parameters<typeof yieldCurve>[0]);
    case 'returns':
      return distribution(range, result as Record<string, Record<string, number>>);
    default:
      throw new UsageError(`${name} has no picture; frontier, correlation, yield-curve and returns have one`);
  }
}

function frontier(
  range: string,
  result: { readonly corners: PlottedPortfolio[]; readonly curve: [number, number][] } & Record<
    'minimum_variance' | 'maximum_return' | 'maximum_sharpe',
    PlottedPortfolio | null
  >,
): EChartsCoreOption {
  const point = (one: PlottedPortfolio): [number, number] => [one.portfolio_volatility, one.portfolio_return];
  const marked = ([name, one]: readonly [string, PlottedPortfolio | null]): object[] =>
    one === null ? [] : [{ name, type: 'scatter', symbolSize: 14, data: [point(one)] }];
  return {
    title: { left: 20, text: 'Efficient frontier', subtext: range },
    legend: { bottom: 0 },
    grid: { top: 100, bottom: 80 },
    xAxis: { name: 'annual volatility', nameLocation: 'middle', nameGap: 30, scale: true },
    yAxis: { name: 'annual return', scale: true },
    series: [
      { name: 'frontier', type: 'line', showSymbol: false, data: result.curve },
      { name: 'corner portfolios', type: 'scatter', symbolSize: 6, data: result.corners.map(point) },
      ...marked(['minimum variance', result.minimum_variance]),
      ...marked(['maximum Sharpe ratio', result.maximum_sharpe]),
      ...marked(['maximum return', result.maximum_return]),
    ],
  };
}

function heatMap(
  range: string,
  rows: readonly (readonly number[])[],
  names: readonly string[],
): EChartsCoreOption {
  return {
    title: { left: 20, text: 'Correlations', subtext: range },
    grid: { top: 100, left: 100, right: 100 },
    xAxis: { type: 'category', data: names },
    yAxis: { type: 'category', data: names, inverse: true },
    visualMap: {
      min: -1,
      max: 1,
      orient: 'vertical',
      right: 10,
      top: 'center',
      inRange: { color: ['#67a9cf', '#f7f7f7', '#ef8a62'] },
    },
    series: [
      {
        type: 'heatmap',
        label: { show: true, color: '#000' },
        data: rows.flatMap((row, y) => row.map((value, x) => [x, y, Number(value.toFixed(2))])),
      },
    ],
  };
}

function yieldCurve({
  date,
  convention,
  yields,
}: {
  date: string;
  convention: string;
  yields: Record<Maturity, number | null>;
}): EChartsCoreOption {
  const points = Object.entries(yields).flatMap(([name, value]) =>
    value === null ? [] : [[MATURITIES[name as Maturity] / 12, 100 * value]],
  );
  return {
    title: { left: 20, text: `US Treasury par yields on ${date}`, subtext: convention },
    grid: { top: 100, bottom: 80 },
    xAxis: { name: 'years', nameLocation: 'middle', nameGap: 30 },
    yAxis: { name: '% a year', scale: true },
    series: [{ type: 'line', data: points }],
  };
}

/** Histogram with the normal density, and quantiles against those of the normal, of the first ticker. */
function distribution(range: string, result: Record<string, Record<string, number>>): EChartsCoreOption {
  const [ticker, returns] = Object.entries(result)[0]!;
  const sorted = Object.values(returns).toSorted((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const deviation = Math.sqrt(
    sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (sorted.length - 1),
  );
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const width = (high - low) / BINS;
  const centers = Array.from({ length: BINS }, (_, index) => low + (index + 0.5) * width);
  const counts = centers.map(() => 0);
  for (const value of sorted) counts[Math.min(BINS - 1, Math.floor((value - low) / width))]! += 1;
  const expected = centers.map(
    (center) => (sorted.length * width * normalPdf((center - mean) / deviation)) / deviation,
  );
  const quantiles = sorted.map((value, index) => [
    normalQuantile((index + 0.5) / sorted.length),
    (value - mean) / deviation,
  ]);
  const edge = Math.ceil(Math.max(...quantiles.flat().map(Math.abs)));
  return {
    title: { left: 20, text: `Log returns of ${ticker}`, subtext: `${range}, ${sorted.length} returns` },
    legend: { bottom: 0 },
    grid: [
      { top: 100, bottom: 80, right: '54%' },
      { top: 100, bottom: 80, left: '54%' },
    ],
    xAxis: [
      { type: 'category', data: centers.map((center) => center.toFixed(4)) },
      { gridIndex: 1, name: 'normal quantile', nameLocation: 'middle', nameGap: 30, min: -edge, max: edge },
    ],
    yAxis: [{ name: 'returns' }, { gridIndex: 1, name: 'standardised return' }],
    series: [
      { name: 'returns', type: 'bar', barCategoryGap: '5%', data: counts },
      { name: 'normal', type: 'line', smooth: true, showSymbol: false, data: expected },
      { name: 'QQ', type: 'scatter', symbolSize: 4, xAxisIndex: 1, yAxisIndex: 1, data: quantiles },
      {
        name: 'normal line',
        type: 'line',
        showSymbol: false,
        xAxisIndex: 1,
        yAxisIndex: 1,
        data: [
          [-edge, -edge],
          [edge, edge],
        ],
      },
    ],
  };
}

import { bin, deviation as deviationOf, mean as meanOf } from 'd3-array';
import { html, type Markup } from '../../drawing/html.ts';
import { StatisticsError } from '../errors.ts';
import { normalPdf, normalQuantile } from '../estimators/normal.ts';
import {
  COLORS,
  createPanel,
  drawDots,
  drawLegend,
  drawLine,
  WHOLE,
  WIDTH,
  type Point,
} from '../../drawing/chart.ts';

const BINS = 20;
const CURVE_POINTS = 100;

/** A histogram with the normal density of the same mean and deviation, and quantiles against those of the normal. */
export function drawDistribution(ticker: string, returns: readonly number[]): Markup {
  const sorted = returns.toSorted((a, b) => a - b);
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  if (low === high)
    throw new StatisticsError(
      'no-variation',
      `${ticker} does not move in the window: there is nothing to draw`,
    );
  const [mean, deviation] = [meanOf(sorted)!, deviationOf(sorted)!];
  return html`${drawHistogram(sorted, mean, deviation)} ${drawQuantiles(sorted, mean, deviation)}
  ${drawLegend([
    { name: 'returns', color: COLORS.blue },
    { name: 'normal', color: COLORS.orange },
  ])}`;
}

function drawHistogram(sorted: readonly number[], mean: number, deviation: number): Markup {
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const width = (high - low) / BINS;
  const edges = Array.from({ length: BINS - 1 }, (_, index) => low + (index + 1) * width);
  const bins = bin().domain([low, high]).thresholds(edges)(sorted);
  const expected = Array.from({ length: CURVE_POINTS + 1 }, (_, index): Point => {
    const at = low + ((high - low) * index) / CURVE_POINTS;
    return [at, (sorted.length * width * normalPdf((at - mean) / deviation)) / deviation];
  });
  const counts = bins.map(({ length }) => length);
  const panel = createPanel(
    { ...WHOLE, right: WIDTH / 2 - 40 },
    { label: 'log return', values: [low, high] },
    { label: 'returns', values: [0, ...counts, ...expected.map(([, count]) => count)] },
  );
  const { x, y } = panel;
  return html`${panel.frame}
  ${bins.map(
    ({ x0, x1, length }) =>
      html`<rect
        x="${x(x0!) + 0.5}"
        y="${y(length)}"
        width="${Math.max(0, x(x1!) - x(x0!) - 1)}"
        height="${y(0) - y(length)}"
        fill="${COLORS.blue}"
      />`,
  )}
  ${drawLine(panel, expected, COLORS.orange)}`;
}

function drawQuantiles(sorted: readonly number[], mean: number, deviation: number): Markup {
  const points = sorted.map((value, index): Point => [
    normalQuantile((index + 0.5) / sorted.length),
    (value - mean) / deviation,
  ]);
  const edge = Math.ceil(Math.max(...points.flat().map(Math.abs)));
  const panel = createPanel(
    { ...WHOLE, left: WIDTH / 2 + 50 },
    { label: 'normal quantile', values: [-edge, edge] },
    { label: 'standardised return', values: [-edge, edge] },
  );
  const line: Point[] = [
    [-edge, -edge],
    [edge, edge],
  ];
  return html`${panel.frame} ${drawLine(panel, line, COLORS.orange)}
  ${drawDots(panel, points, COLORS.blue, 2.5)}`;
}

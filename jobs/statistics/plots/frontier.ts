import { html, type Markup } from '../../drawing/html.ts';
import {
  COLORS,
  createPanel,
  drawDots,
  drawLegend,
  drawLine,
  WHOLE,
  type Point,
} from '../../drawing/chart.ts';

interface PlottedPortfolio {
  readonly portfolio_return: number;
  readonly portfolio_volatility: number;
}

export interface PlottedFrontier {
  readonly corners: readonly PlottedPortfolio[];
  /** Volatility and return along the frontier. */
  readonly curve: readonly Point[];
  readonly minimum_variance: PlottedPortfolio;
  readonly maximum_return: PlottedPortfolio;
  readonly maximum_sharpe: PlottedPortfolio | null;
}

/** Return over volatility, with the special portfolios marked. */
export function drawFrontier(result: PlottedFrontier): Markup {
  const { corners, curve, minimum_variance, maximum_return, maximum_sharpe } = result;
  const points = corners.map(toPoint);
  const special = [
    { name: 'minimum variance', color: COLORS.green, portfolio: minimum_variance },
    { name: 'maximum Sharpe ratio', color: COLORS.orange, portfolio: maximum_sharpe },
    { name: 'maximum return', color: COLORS.pink, portfolio: maximum_return },
  ].filter((one): one is typeof one & { portfolio: PlottedPortfolio } => one.portfolio !== null);
  const all = [...curve, ...points];
  const panel = createPanel(
    WHOLE,
    { label: 'annual volatility', values: all.map(([volatility]) => volatility) },
    { label: 'annual return', values: all.map(([, value]) => value) },
  );
  return html`${panel.frame} ${drawLine(panel, curve, COLORS.blue)} ${drawDots(panel, points, COLORS.grey, 4)}
  ${special.map(({ color, portfolio }) => drawDots(panel, [toPoint(portfolio)], color, 8))}
  ${drawLegend([
    { name: 'frontier', color: COLORS.blue },
    { name: 'corner portfolios', color: COLORS.grey },
    ...special,
  ])}`;
}

function toPoint({ portfolio_volatility, portfolio_return }: PlottedPortfolio): Point {
  return [portfolio_volatility, portfolio_return];
}

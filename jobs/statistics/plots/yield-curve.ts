import { html, type Markup } from '../../drawing/html.ts';
import { MATURITIES, type Maturity } from '../interest/yields.ts';
import { COLORS, createPanel, drawDots, drawLine, WHOLE, type Point } from '../../drawing/chart.ts';

/** @param yields annual shares by maturity; what is null is left out */
export function drawYieldCurve(yields: Readonly<Record<Maturity, number | null>>): Markup {
  const points = Object.entries(yields).flatMap(([name, rate]): Point[] =>
    rate === null ? [] : [[MATURITIES[name as Maturity] / 12, 100 * rate]],
  );
  const panel = createPanel(
    WHOLE,
    { label: 'years', values: [0, ...points.map(([years]) => years)] },
    { label: '% a year', values: points.map(([, percent]) => percent) },
  );
  return html`${panel.frame} ${drawLine(panel, points, COLORS.blue)}
  ${drawDots(panel, points, COLORS.blue, 4)}`;
}

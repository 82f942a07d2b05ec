import { area } from 'd3-shape';
import { COLORS, createPanel, drawLine, WHOLE, type Point } from '../drawing/chart.ts';
import { html } from '../drawing/html.ts';
import { renderPicture, type PictureForm } from '../drawing/picture.ts';
import { fromDay } from '../runtime/dates.ts';
import type { LevelSeries } from './strategy.ts';

const DAY_MS = 86_400_000;
const UPPER = { ...WHOLE, bottom: 340 };
const LOWER = { ...WHOLE, top: 420, bottom: 550 };

/** How far each level is below the highest so far: 0 at a high, -0.25 a quarter below it. */
export function drawdowns(levels: Float64Array): Float64Array {
  let high = -Infinity;
  return levels.map((level) => {
    high = Math.max(high, level);
    return level / high - 1;
  });
}

/** Level and drawdown of a strategy over its history, as `svg`, or as an `html` page with it. */
export function renderHistory(title: string, { dates, levels }: LevelSeries, form: PictureForm): string {
  const times = Array.from(dates, (day) => day * DAY_MS);
  const pointsOf = (values: Float64Array): Point[] => times.map((time, index) => [time, values[index]!]);
  const percent = drawdowns(levels).map((value) => 100 * value);
  const upper = createPanel(
    UPPER,
    { label: '', values: times, isTime: true },
    { label: 'level', values: [...levels] },
  );
  const lower = createPanel(
    LOWER,
    { label: '', values: times, isTime: true },
    { label: 'drawdown, %', values: [...percent, 0] },
  );
  const depth = area<Point>()
    .x(([time]) => lower.x(time))
    .y0(lower.y(0))
    .y1(([, value]) => lower.y(value));
  const subtitle = `${fromDay(dates[0]!)} to ${fromDay(dates.at(-1)!)}, ${dates.length} dates`;
  const picture = html`${upper.frame} ${drawLine(upper, pointsOf(levels), COLORS.blue)} ${lower.frame}
    <path d="${depth(pointsOf(percent))!}" fill="${COLORS.orange}" />`;
  return renderPicture({ title, subtitle, picture }, form);
}

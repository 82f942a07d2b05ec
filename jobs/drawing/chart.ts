import { extent } from 'd3-array';
import { scaleLinear, scaleUtc } from 'd3-scale';
import { line } from 'd3-shape';
import { html, type Markup } from './html.ts';

/* What the drawings are made of. Lengths are pixels of a picture of this size. */

export const WIDTH = 960;
export const HEIGHT = 600;

/** Told apart by those who see fewer colours, too (Okabe and Ito 2008). */
export const COLORS = { blue: '#0072b2', orange: '#d55e00', green: '#009e73', pink: '#cc79a7', grey: '#999' };

const DAY_MS = 86_400_000;

export type Point = readonly [number, number];

/** Where a panel is. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export const WHOLE: Box = { left: 90, right: WIDTH - 40, top: 90, bottom: HEIGHT - 100 };

export interface Axis {
  readonly label: string;
  /** What has to find room; the axis ends at round numbers around it. */
  readonly values: readonly number[];
  /** The values are dates, in milliseconds since 1970: the axis ends with them. */
  readonly isTime?: boolean;
}

/** Two axes: their scales, and the lines and labels behind what is drawn on them. */
export interface Panel {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly frame: Markup;
}

/** Where values are along an axis, and what is written there. */
interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

export function createPanel({ left, right, top, bottom }: Box, xAxis: Axis, yAxis: Axis): Panel {
  const x = createScale(xAxis, [left, right], Math.round((right - left) / 100));
  const y = createScale(yAxis, [bottom, top], Math.round((bottom - top) / 60));
  const frame = html`<g font-size="12" fill="#555">
    ${x.ticks.map(
      ({ at, label }) =>
        html`<line x1="${at}" x2="${at}" y1="${top}" y2="${bottom}" stroke="#e5e5e5" />
          <text x="${at}" y="${bottom + 18}" text-anchor="middle">${label}</text>`,
    )}
    ${y.ticks.map(
      ({ at, label }) =>
        html`<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#e5e5e5" />
          <text x="${left - 8}" y="${at + 4}" text-anchor="end">${label}</text>`,
    )}
    <text x="${(left + right) / 2}" y="${bottom + 42}" text-anchor="middle">${xAxis.label}</text>
    <text x="${left}" y="${top - 12}" text-anchor="start">${yAxis.label}</text>
  </g>`;
  return { x: x.at, y: y.at, frame };
}

function createScale({ values, isTime = false }: Axis, pixels: [number, number], count: number): Scale {
  if (isTime) {
    const [from = 0, to = 0] = extent(values);
    const scale = scaleUtc(from === to ? [from - DAY_MS, to + DAY_MS] : [from, to], pixels);
    const format = scale.tickFormat(count);
    return { at: scale, ticks: scale.ticks(count).map((tick) => ({ at: scale(tick), label: format(tick) })) };
  }
  const scale = scaleLinear(spread(values), pixels).nice();
  const format = scale.tickFormat(count);
  return { at: scale, ticks: scale.ticks(count).map((tick) => ({ at: scale(tick), label: format(tick) })) };
}

export function drawLine({ x, y }: Panel, points: readonly Point[], color: string): Markup {
  const path = line<Point>(
    ([at]) => x(at),
    ([, value]) => y(value),
  )(points)!;
  return html`<path d="${path}" fill="none" stroke="${color}" stroke-width="2" />`;
}

/** @param radius in pixels */
export function drawDots(
  { x, y }: Panel,
  points: readonly Point[],
  color: string,
  radius: number,
): readonly Markup[] {
  return points.map(
    ([at, value]) => html`<circle cx="${x(at)}" cy="${y(value)}" r="${radius}" fill="${color}" />`,
  );
}

/** Names what has a colour, in a row below. */
export function drawLegend(entries: readonly { readonly name: string; readonly color: string }[]): Markup {
  const step = (WIDTH - 80) / entries.length;
  return html`<g font-size="13">
    ${entries.map(
      ({ name, color }, index) =>
        html`<circle cx="${50 + index * step}" cy="${HEIGHT - 24}" r="6" fill="${color}" />
          <text x="${62 + index * step}" y="${HEIGHT - 20}">${name}</text>`,
    )}
  </g>`;
}

/** From the least to the largest with some room, but not below a least of 0; around a single value, too. */
function spread(values: readonly number[]): [number, number] {
  const [low = 0, high = 1] = extent(values);
  const room = 0.05 * (high - low) || Math.abs(low) / 10 || 1;
  return [low === 0 ? 0 : low - room, high + room];
}

import { renderChart } from '../runtime/chart.ts';
import { fromDay } from '../runtime/dates.ts';
import type { LevelSeries } from './strategy.ts';

/** How far each level is below the highest so far: 0 at a high, -0.25 a quarter below it. */
export function drawdowns(levels: Float64Array): Float64Array {
  let high = -Infinity;
  return levels.map((level) => {
    high = Math.max(high, level);
    return level / high - 1;
  });
}

/** Level and drawdown of a strategy over its history, as `svg`, or as an `html` page with it. */
export function renderHistory(name: string, { dates, levels }: LevelSeries, form: 'svg' | 'html'): string {
  const days = Array.from(dates, fromDay);
  const line = (label: string, index: number, color: string, data: readonly number[]): object => ({
    name: label,
    type: 'line',
    showSymbol: false,
    lineStyle: { width: 1 },
    color,
    xAxisIndex: index,
    yAxisIndex: index,
    data,
  });
  const percent = Array.from(drawdowns(levels), (value) => 100 * value);
  const option = {
    title: { left: 20, text: name, subtext: `${days[0]} to ${days.at(-1)}, ${days.length} dates` },
    grid: [
      { top: 100, left: 80, right: 40, height: 270 },
      { top: 430, left: 80, right: 40, bottom: 50 },
    ],
    xAxis: [0, 1].map((gridIndex) => ({ gridIndex, type: 'category', boundaryGap: false, data: days })),
    yAxis: [
      { name: 'level', scale: true },
      { name: 'drawdown, %', gridIndex: 1, max: 0 },
    ],
    series: [
      line('level', 0, '#2166ac', Array.from(levels)),
      { ...line('drawdown', 1, '#ef8a62', percent), areaStyle: {} },
    ],
  };
  return renderChart(option, form, name);
}

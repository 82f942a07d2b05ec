import { max, min } from 'd3-array';
import { scaleLinear, scalePoint } from 'd3-scale';
import { line } from 'd3-shape';
import type { RunFigures } from '../figures/run.ts';
import { formatInstant, formatShare, plural } from '../format.ts';
import { html, type Markup } from '../../drawing/html.ts';
import { percent } from './parts.ts';

const PLOT_HEIGHT = 170;

/**
 * The coverage of each run and what was required of it.
 *
 * Lengths along the x axis are percentages, so that the plot is as wide as its column and its text stays as large as
 * the text around it. Only the line needs a view box, which stretches.
 */
export function coveragePlot(runs: readonly RunFigures[]): Markup {
  const shares = runs.map(({ coverage }) => Math.min(coverage.share, 1));
  const floor = min([...shares, ...runs.map(({ coverage }) => coverage.required)])!;
  const y = scaleLinear([Math.max(0, floor - 0.1 * (1 - floor) - 0.002), 1], [PLOT_HEIGHT - 24, 10]).nice(4);
  const x = scalePoint<number>(runs.keys(), [0, 1]).padding(0.5);
  const left = (index: number): string => percent(x(index)!);
  const ticks = y.ticks(4).filter((tick) => tick <= 1);
  const path = line<number>(
    (_, index) => x(index)! * 100,
    (share) => y(share),
  )(shares)!;
  const required = line<readonly [number, RunFigures]>(
    ([at]) => at,
    ([, { coverage }]) => y(coverage.required),
  )([[0, runs[0]!], ...runs.map((run, index) => [x(index)! * 100, run] as const), [100, runs.at(-1)!]])!;
  const lowest = shares.indexOf(min(shares)!);
  return html`<figure>
    <figcaption>
      Coverage per run
      <span class="key"
        ><svg class="mark" aria-hidden="true">
          <line x1="0" x2="100%" y1="50%" y2="50%" class="required" />
        </svg>
        required</span
      >
      <span class="key"
        ><svg class="mark" aria-hidden="true"><circle cx="50%" cy="50%" r="3.5" class="missed" /></svg>
        below</span
      >
    </figcaption>
    <div class="plot">
      <svg class="axis" height="${PLOT_HEIGHT}" aria-hidden="true">
        ${ticks.map(
          (tick) =>
            html`<text x="100%" y="${y(tick) + 4}" text-anchor="end"
              >${formatShare(tick, tickDigits(ticks))}</text
            >`,
        )}
      </svg>
      <svg height="${PLOT_HEIGHT}" role="img" aria-label="${describeCoverage(runs)}">
        ${ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${y(tick)}" y2="${y(tick)}" />`)}
        <svg viewBox="0 0 100 ${PLOT_HEIGHT}" preserveAspectRatio="none" width="100%" height="${PLOT_HEIGHT}">
          <path class="required" d="${required}" />
          <path class="line" d="${path}" />
        </svg>
        ${runs.map(
          ({ coverage, startedAt }, index) =>
            html`<circle
              class="${coverage.isMet ? 'met' : 'missed'}"
              cx="${left(index)}"
              cy="${y(shares[index]!)}"
              r="${coverage.isMet ? 2.5 : 4}"
              ><title>${formatInstant(startedAt)}: ${formatShare(coverage.share)}</title></circle
            >`,
        )}
        ${runs.length > 1 ? html`<text class="label" x="${left(lowest)}" y="${y(shares[lowest]!) + 16}" text-anchor="${anchorOf(x(lowest)!)}">${formatShare(shares[lowest]!)}</text>` : undefined}
        ${dateLabels(runs).map(
          ({ index, text, anchor }) =>
            html`<text
              class="${anchor === 'middle' ? 'between' : 'end'}"
              x="${left(index)}"
              y="${PLOT_HEIGHT - 2}"
              text-anchor="${anchor}"
              >${text}</text
            >`,
        )}
      </svg>
    </div>
  </figure>`;
}

/** Decimals of a percentage that tell neighbouring ticks apart. */
function tickDigits([first = 0, second = 1]: readonly number[]): number {
  return Math.max(0, Math.ceil(-Math.log10((second - first) * 100) - 1e-9));
}

function anchorOf(x: number): 'start' | 'middle' | 'end' {
  if (x < 0.1) return 'start';
  return x > 0.9 ? 'end' : 'middle';
}

/** The dates of the first run, the last one, and the one in the middle where there is room for it. */
function dateLabels(
  runs: readonly RunFigures[],
): { index: number; text: string; anchor: 'start' | 'middle' | 'end' }[] {
  const text = (index: number): string => runs[index]!.startedAt.slice(0, 10);
  if (runs.length === 1) return [{ index: 0, text: text(0), anchor: 'middle' }];
  const last = runs.length - 1;
  const middle = Math.round(last / 2);
  return [
    { index: 0, text: text(0), anchor: 'start' },
    ...(runs.length >= 5 ? [{ index: middle, text: text(middle).slice(5), anchor: 'middle' as const }] : []),
    { index: last, text: text(last), anchor: 'end' },
  ];
}

function describeCoverage(runs: readonly RunFigures[]): string {
  const shares = runs.map(({ coverage }) => coverage.share);
  return (
    `Line of the coverage of ${plural(runs.length, 'run')}, from ${formatShare(shares[0]!)} to ` +
    `${formatShare(shares.at(-1)!)}; lowest ${formatShare(min(shares)!)}, highest ${formatShare(max(shares)!)}. ` +
    'The table of all runs has the figures.'
  );
}

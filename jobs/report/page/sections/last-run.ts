import type { LoadFigures } from '../../figures/figures.ts';
import type { RunFigures } from '../../figures/run.ts';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatInstant,
  formatShare,
  plural,
} from '../../format.ts';
import { html, type Child, type Markup } from '../../../drawing/html.ts';
import { STATUS_NAMES, STATUSES } from '../../statuses.ts';
import { bar, fold, percent, scroll, type Section } from '../parts.ts';

/** What an operator asks first. */
export function lastRunSection({ run, runs }: LoadFigures): Section {
  const before = runs.at(-2);
  return {
    id: 'last-run',
    title: 'Last run',
    lead: html`<p>${formatInstant(run.startedAt)}, ${windowText(run)}.</p>`,
    body: [
      coverage(run),
      facts(run),
      html`<div class="pair">
        ${scroll('Table of statuses', statusTable(run, before))}${scroll('Table of rows', rowTable(run))}
      </div>`,
      context(run),
    ],
  };
}

function windowText({ window }: RunFigures): string {
  return window === undefined
    ? 'a window that the manifest does not give'
    : `trading dates ${window.start} up to before ${window.end}`;
}

function coverage({ coverage: found, status, failure }: RunFigures): Markup {
  const { share, good, expected, baseline, required, isMet } = found;
  const verdict = isMet ? 'met' : 'missed';
  return html`<div class="verdict">
    <p class="share"><span class="figure">${formatShare(share)}</span> coverage</p>
    <p class="${verdict}">
      <strong>${isMet ? 'At or above' : 'Below'} the required ${formatShare(required)}.</strong>
      Good are ${formatCount(good)} of the ${formatCount(expected)} tickers that were ${baseline}. The run is
      <strong>${status}</strong>${failure === undefined ? '.' : `: ${failure}`}
    </p>
    <svg class="gauge" aria-hidden="true">
      <rect class="all" width="100%" y="5" height="6" />
      <rect class="${verdict}" width="${percent(Math.min(share, 1))}" y="5" height="6" />
      <line x1="${percent(required)}" x2="${percent(required)}" y1="0" y2="16" />
    </svg>
  </div>`;
}

function facts({ durationMs, requests, bytes, tickers }: RunFigures): Markup {
  const { made, retries, pauses, pausedMs } = requests;
  const rate = durationMs === 0 ? 0 : made / (durationMs / 1000);
  const list: readonly (readonly [string, string, string])[] = [
    ['Tickers', formatCount(tickers), 'in the run'],
    ['Duration', formatDuration(durationMs), `${rate.toFixed(1)} requests a second`],
    ['Requests', formatCount(made), `${formatBytes(bytes)} received`],
    [
      'Retries',
      formatCount(retries),
      made === 0 ? 'of no request' : `${formatShare(retries / made)} of requests`,
    ],
    ['Pauses', formatCount(pauses), pauses === 0 ? 'none was needed' : `${formatDuration(pausedMs)} in all`],
  ];
  return html`<dl class="facts">
    ${list.map(
      ([term, figure, remark]) =>
        html`<div>
          <dt>${term}</dt>
          <dd><span class="figure">${figure}</span> ${remark}</dd>
        </div>`,
    )}
  </dl>`;
}

function statusTable(run: RunFigures, before: RunFigures | undefined): Markup {
  const rows = STATUS_NAMES.map((name) => {
    const { label, kind } = STATUSES[name];
    const count = run.counts[name];
    return html`<tr${count === 0 ? html` class="zero"` : undefined}><th scope="row">${label}</th><td class="n">${formatCount(count)}</td><td class="n">${
      before === undefined ? '' : formatChange(count - before.counts[name])
    }</td><td class="wide">${bar(run.tickers === 0 ? 0 : count / run.tickers, kind)}</td></tr>
`;
  });
  return html`<table>
    <caption>
      Tickers by status
    </caption>
    <thead>
      <tr>
        <th scope="col">Status</th>
        <th scope="col" class="n">Tickers</th>
        <th scope="col" class="n">Change</th>
        <th scope="col">Share</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
    <tfoot>
      <tr>
        <th scope="row">all</th>
        <td class="n">${formatCount(run.tickers)}</td>
        <td class="n">${before === undefined ? '' : formatChange(run.tickers - before.tickers)}</td>
        <td></td>
      </tr>
    </tfoot>
  </table>`;
}

function rowTable({ rows }: RunFigures): Markup {
  const all = rows.new + rows.changed + rows.unchanged + rows.removed;
  const line = (label: string, count: number, meaning: string): Markup =>
    html`<tr>
      <th scope="row">${label}</th>
      <td class="n">${formatCount(count)}</td>
      <td>${meaning}</td>
    </tr> `;
  return html`<table>
    <caption>
      Rows of prices
    </caption>
    <thead>
      <tr>
        <th scope="col">Rows</th>
        <th scope="col" class="n">Count</th>
        <th scope="col">Meaning</th>
      </tr>
    </thead>
    <tbody>
      ${line('new', rows.new, 'were not in the lake')}${line('changed', rows.changed, 'came with other values')}${line(
        'unchanged',
        rows.unchanged,
        'were there already',
      )}${line('removed', rows.removed, 'gone from a history that was replaced')}
    </tbody>
    <tfoot>
      ${line('all', all, '')}
    </tfoot>
  </table>`;
}

function context(run: RunFigures): Markup {
  const pairs: readonly (readonly [string, Child])[] = [
    ['run', run.runId],
    ...Object.entries(run.arguments).map(([name, value]) => [name, textOf(value)] as const),
    ...Object.entries(run.versions).map(([name, version]) => [name, version] as const),
  ];
  return fold(
    plural(pairs.length, 'argument and version', 'arguments and versions'),
    html`<dl class="pairs">
      ${pairs.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>`,
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

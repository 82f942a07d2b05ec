import { max } from 'd3-array';
import type { LoadFigures } from '../../figures/figures.ts';
import type { LatencyFigures, LatencyQuantiles } from '../../figures/latency.ts';
import { formatCount, formatDuration, formatShare } from '../../format.ts';
import { html, type Markup } from '../../../drawing/html.ts';
import { SCOPES } from '../../statuses.ts';
import { bar, scroll, type Section } from '../parts.ts';

/** How long answers took. */
export function latencySection({ latency }: LoadFigures): Section {
  return {
    id: 'latency',
    title: 'Latency',
    extent: latency === undefined ? 'none' : `median ${formatDuration(latency.all.p50)}`,
    lead: html`<p>
      From the last request for a ticker to the end of its answer; retries before it and waiting for a turn
      are not in it.
    </p>`,
    body:
      latency === undefined
        ? html`<p class="none">No ticker has a latency.</p>`
        : [
            html`<div class="pair">
              ${scroll('Table of answers', histogram(latency))}${scroll('Table of quantiles', quantileTable(latency))}
            </div>`,
            html`<p class="note">
              Slowest:
              ${latency.slowest.map(
                ({ ticker, latencyMs }, index) =>
                  html`${index === 0 ? '' : ', '}${ticker} ${formatDuration(latencyMs)}`,
              )}.
            </p>`,
          ],
  };
}

function histogram({ bins, all }: LatencyFigures): Markup {
  const most = max(bins, ({ answers }) => answers)!;
  return html`<table class="histogram">
    <caption>
      Answers by latency
    </caption>
    <thead>
      <tr>
        <th scope="col">From</th>
        <th scope="col">To</th>
        <th scope="col">Answers</th>
        <th scope="col" class="n">No.</th>
        <th scope="col" class="n">Share</th>
      </tr>
    </thead>
    <tbody>
      ${bins.map(
        ({ from, to, answers }) =>
          html`<tr>
            <th scope="row">${formatDuration(from)}</th>
            <td>${to === Infinity ? 'more' : formatDuration(to)}</td>
            <td class="wide">${bar(answers / most)}</td>
            <td class="n">${formatCount(answers)}</td>
            <td class="n">${formatShare(answers / all.answers)}</td>
          </tr> `,
      )}
    </tbody>
  </table>`;
}

function quantileTable({ all, scopes }: LatencyFigures): Markup {
  const row = (label: string, { answers, p50, p90, p99, max: longest }: LatencyQuantiles): Markup =>
    html`<tr>
      <th scope="row">${label}</th>
      <td class="n">${formatCount(answers)}</td>
      ${[p50, p90, p99, longest].map((ms) => html`<td class="n">${formatDuration(ms)}</td>`)}
    </tr> `;
  return html`<table>
    <caption>
      Quantiles by what was asked for
    </caption>
    <thead>
      <tr>
        <th scope="col">Asked for</th>
        <th scope="col" class="n">No.</th>
        <th scope="col" class="n">p50</th>
        <th scope="col" class="n">p90</th>
        <th scope="col" class="n">p99</th>
        <th scope="col" class="n">max</th>
      </tr>
    </thead>
    <tbody>
      ${scopes.map(({ scope, ...quantiles }) => row(SCOPES[scope], quantiles))}
    </tbody>
    <tfoot>
      ${row('all', all)}
    </tfoot>
  </table>`;
}

import { max } from 'd3-array';
import type { ExchangeFigures, LoadFigures } from '../../figures/figures.ts';
import { formatCount, plural } from '../../format.ts';
import { html, type Markup } from '../../../drawing/html.ts';
import { fold, nameList, percent, scroll, withoutPast, type Section } from '../parts.ts';

/** All tickers by exchange; those with bars by name, since the sections above name the others. */
export function tickersSection({ exchanges, run }: LoadFigures): Section {
  return {
    id: 'tickers',
    title: 'All tickers',
    extent: formatCount(run.tickers),
    lead: html`<p>
      By exchange, as the provider calls it. Search this page for a ticker: those with bars are listed here,
      all others above.
    </p>`,
    body: [
      scroll('Table of exchanges', exchangeTable(exchanges)),
      html`<h3>With bars <span class="count">${formatCount(run.counts.ok)}</span></h3>`,
      exchanges.map(goodTickers),
    ],
  };
}

function exchangeTable(exchanges: readonly ExchangeFigures[]): Markup {
  const most = max(exchanges, ({ tickers }) => tickers) ?? 0;
  return html`<table class="exchanges">
    <caption>
      Tickers by exchange; the longer the bar the larger the exchange, those with bars first
    </caption>
    <thead>
      <tr>
        <th scope="col">Exchange</th>
        <th scope="col" class="n">All</th>
        <th scope="col" class="n">Bars</th>
        <th scope="col" class="wide">Size</th>
        <th scope="col" class="n">Empty</th>
        <th scope="col" class="n">Failed</th>
        <th scope="col" class="n"><abbr title="Quarantined">Quar.</abbr></th>
        <th scope="col" class="n"><abbr title="Delisted">Del.</abbr></th>
      </tr>
    </thead>
    <tbody>
      ${exchanges.map(
        ({ exchange, tickers, counts }) =>
          html`<tr>
            <th scope="row">${exchange}</th>
            ${[tickers, counts.ok].map(countCell)}
            <td class="wide">${sizeBar(tickers / most, counts.ok / most)}</td>
            ${[counts.empty, counts.failed, counts.quarantined, counts.delisted].map(countCell)}
          </tr> `,
      )}
    </tbody>
  </table>`;
}

function countCell(count: number): Markup {
  return html`<td class="n${count === 0 ? ' zero' : ''}">${formatCount(count)}</td>`;
}

function sizeBar(all: number, good: number): Markup {
  return html`<svg class="bar" aria-hidden="true">
    <rect class="rest" width="${percent(all)}" height="100%" />
    <rect class="good" width="${percent(good)}" height="100%" />
  </svg>`;
}

function goodTickers({ exchange, good }: ExchangeFigures): Markup | undefined {
  if (good.length === 0) return undefined;
  return fold(html`<b>${exchange}</b> ${plural(good.length, 'ticker')}`, nameList(withoutPast(good)));
}

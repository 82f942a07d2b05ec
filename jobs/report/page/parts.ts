import { descending } from 'd3-array';
import { countNames, type Name, type NameGroup } from '../figures/names.ts';
import { formatCount, plural } from '../format.ts';
import { html, type Child, type Markup } from '../../drawing/html.ts';

/** One section of the page: what it says beside its heading, and what it shows. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** For the list of contents: how much there is to see. */
  readonly extent?: string;
  readonly lead: Child;
  readonly body: Child;
}

/** A longer list than this waits behind its heading until the reader opens it. */
const OPEN_UP_TO = 150;

/** What waits behind its summary; the browser's search opens it. */
export function fold(summary: Child, body: Child): Markup {
  return html`<details>
    <summary>${summary}</summary>
    ${body}
  </details>`;
}

/** A table of figures, or several: where they are wider than the page they scroll by themselves, by keyboard too. */
export function scroll(label: string, tables: Child): Markup {
  return html`<div class="scroll" role="group" aria-label="${label}" tabindex="0">${tables}</div>`;
}

/** A horizontal bar that fills `share` of its cell; the figure beside it says the same. */
export function bar(share: number, kind = ''): Markup {
  return html`<svg class="bar ${kind}" aria-hidden="true">
    <rect width="${percent(share)}" height="100%" />
  </svg>`;
}

/** A share as an SVG length that scales with its viewport. */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}

/** Groups of tickers under a heading of their own, folded when they are many. */
export function namedGroups(
  title: string,
  meaning: string,
  groups: readonly NameGroup[],
  show: (title: string, groups: readonly NameGroup[]) => Child,
): Markup {
  const count = countNames(groups);
  if (count === 0)
    return html`<h3>${title}</h3>
      <p class="none">None.</p>`;
  const shown = show(title, groups);
  return html`<h3>${title} <span class="count">${formatCount(count)}</span></h3>
    <p class="note">${meaning}</p>
    ${count > OPEN_UP_TO ? fold(foldedSummary(count, groups), shown) : shown}`;
}

function foldedSummary(count: number, groups: readonly NameGroup[]): string {
  const [largest] = groups.toSorted((a, b) => descending(a.names.length, b.names.length));
  return `${plural(count, 'ticker')}, most often: ${largest!.key} (${formatCount(largest!.names.length)})`;
}

/** Shows groups as a table whose first column is `header`. */
export function byKey(header: string): (title: string, groups: readonly NameGroup[]) => Markup {
  return (title, groups) =>
    html`<table class="groups">
      <caption class="hidden">
        ${title}, by ${header.toLowerCase()}
      </caption>
      <thead>
        <tr>
          <th scope="col">${header}</th>
          <th scope="col" class="n">No.</th>
          <th scope="col">Tickers</th>
        </tr>
      </thead>
      <tbody>
        ${groups.map(
          ({ key, names }) =>
            html`<tr>
              <th scope="row">${key}</th>
              <td class="n">${formatCount(names.length)}</td>
              <td>${nameList(names)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}

/** Fewer tickers than this with the same reason take less room one by one. */
const SHARED_FROM = 3;

/** Reasons that several tickers share as a table, then the tickers with a reason of their own. */
export function byReason(title: string, groups: readonly NameGroup[]): Child {
  const shared = groups.filter(({ names }) => names.length >= SHARED_FROM);
  const single = groups.filter(({ names }) => names.length < SHARED_FROM);
  return [
    shared.length === 0 ? undefined : byKey('Reason')(title, shared),
    single.length === 0
      ? undefined
      : html`<ul class="singles">
          ${single.flatMap(({ key, names }) =>
            names.map((name) => html`<li>${nameOf(name)} <span class="why">${key}</span></li> `),
          )}
        </ul>`,
  ];
}

/** Tickers in a line, each with its runs in a row when there are several. */
export function nameList(names: readonly Name[]): Markup {
  return html`<ul class="names">
    ${names.map((name) => html`<li>${nameOf(name)}</li> `)}
  </ul>`;
}

function nameOf({ ticker, runs }: Name): Child {
  return runs > 1 ? html`${ticker} <small>${runs}</small>` : ticker;
}

/** Names of which the past does not matter. */
export function withoutPast(tickers: readonly string[]): Name[] {
  return tickers.map((ticker) => ({ ticker, runs: 1 }));
}

/** What the small figures of a list of names mean. */
export function runsNote(runs: number): Markup {
  return html`A small figure after a ticker says for how many of the ${plural(runs, 'run')} in a row it has
  been so; without one it is new.`;
}

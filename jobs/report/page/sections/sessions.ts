import { scaleThreshold } from 'd3-scale';
import type { LoadFigures } from '../../figures/figures.ts';
import type { SessionCell, SessionWeek } from '../../figures/sessions.ts';
import { formatCount, plural } from '../../format.ts';
import { html, type Markup } from '../../../drawing/html.ts';
import { scroll, type Section } from '../parts.ts';

/** A day with fewer closes than this share is a gap. */
const GAP = 0.95;

/** Shares from which a cell is paler: what is complete is quiet, what is missing is loud. */
const LEVELS = [0.5, 0.8, GAP, 0.99, 1] as const;
const levelOf = scaleThreshold<number, string>(LEVELS, ['m5', 'm4', 'm3', 'm2', 'm1', 'm0']);

/** Of the tickers of an exchange, how many have a close on each trading date: a heat map that is a table. */
export function sessionsSection({ weeks }: LoadFigures): Section {
  const cells = weeks.flatMap(({ exchanges }) => exchanges.flatMap((row) => row.cells));
  const gaps = cells.filter((cell) => cell !== undefined && cell.closes < GAP * cell.tickers).length;
  return {
    id: 'sessions',
    title: 'Closes by exchange and day',
    extent: gaps === 0 ? 'no gap' : plural(gaps, 'gap'),
    lead: html`<p>
        How many per cent of the tickers that answered have a close, cut to a whole number.
        ${gaps === 0 ? 'No day of an exchange is' : `${plural(gaps, 'day')} of an exchange ${gaps === 1 ? 'is' : 'are'}`}
        below ${GAP * 100}.
      </p>
      <p>A dash is a day without a close of anybody: a holiday, or a gap.</p>`,
    body:
      weeks.length === 0
        ? html`<p class="none">No closes in any run.</p>`
        : [legend(), scroll('Tables of weeks', html`<div class="weeks">${weeks.map(weekTable)}</div>`)],
  };
}

function legend(): Markup {
  const bands = ['all', '99', '95', '80', '50', 'less'];
  return html`<p class="legend">
    ${bands.map(
      (text, index) =>
        html`<span class="m${index}">${index > 0 && index < 5 ? html`≥ ${text}` : text}</span>`,
    )}
  </p>`;
}

const weekday = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' });

function weekTable({ dates, exchanges }: SessionWeek): Markup {
  return html`<table class="week">
    <caption>
      ${dates[0]} to ${dates.at(-1)!.slice(5)}
    </caption>
    <thead>
      <tr>
        <th scope="col"><span class="hidden">Exchange</span></th>
        ${dates.map(
          (date) =>
            html`<th scope="col">
              <abbr title="${date}">${weekday.format(new Date(date)).slice(0, 2)}<br />${date.slice(8)}</abbr>
            </th>`,
        )}
      </tr>
    </thead>
    <tbody>
      ${exchanges.map(
        ({ exchange, cells }) =>
          html`<tr>
            <th scope="row">${exchange}</th>
            ${cells.map(cellOf)}
          </tr> `,
      )}
    </tbody>
  </table>`;
}

function cellOf(cell: SessionCell | undefined): Markup {
  if (cell === undefined) return html`<td class="off">–</td>`;
  const { closes, tickers } = cell;
  const share = tickers === 0 ? 0 : closes / tickers;
  return html`<td class="${levelOf(share)}" title="${formatCount(closes)} of ${formatCount(tickers)}">
    ${Math.floor(share * 100 + 1e-9)}
  </td>`;
}

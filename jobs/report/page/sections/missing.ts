import { sum } from 'd3-array';
import type { LoadFigures } from '../../figures/figures.ts';
import { formatCount, plural } from '../../format.ts';
import { html } from '../../../drawing/html.ts';
import { byKey, namedGroups, withoutPast, type Section } from '../parts.ts';

/** Bars that came without a close, and bars that were left out. */
export function missingSection({ missing, rejected }: LoadFigures): Section {
  const byDate = missing.map(({ date, tickers }) => ({ key: date, names: withoutPast(tickers) }));
  const byBars = [...Map.groupBy(rejected, ({ bars }) => bars)].map(([bars, found]) => ({
    key: plural(bars, 'bar'),
    names: withoutPast(found.map(({ ticker }) => ticker)),
  }));
  return {
    id: 'missing',
    title: 'Missing closes',
    extent: formatCount(sum(missing, ({ tickers }) => tickers.length)),
    lead: html`<p>
      A close that did not come is missing in the lake too, and the next runs ask for it again.
    </p>`,
    body: [
      namedGroups('Without a close', 'the provider has the date, but no close for it', byDate, byKey('Date')),
      namedGroups('Bars left out', 'their prices contradict each other', byBars, byKey('Bars')),
    ],
  };
}

import type { LoadFigures } from '../../figures/figures.ts';
import { countNames } from '../../figures/names.ts';
import { formatCount, formatInstant, plural } from '../../format.ts';
import { html } from '../../../drawing/html.ts';
import { byKey, byReason, fold, namedGroups, withoutPast, type Section } from '../parts.ts';

/** Histories that were fetched again and replaced. */
export function restatementsSection({ restated, restatedBefore }: LoadFigures): Section {
  const earlier = restatedBefore.map(({ startedAt, tickers }) => ({
    key: formatInstant(startedAt),
    names: withoutPast(tickers),
  }));
  return {
    id: 'restatements',
    title: 'Restatements',
    extent: formatCount(countNames(restated)),
    lead: html`<p>
      A split, a dividend, or another ratio between old and new closes: the whole history of the ticker was
      fetched again and replaced.
    </p>`,
    body: [
      namedGroups('In the last run', 'features computed before it are of the old prices', restated, byReason),
      earlier.length === 0
        ? undefined
        : fold(`In ${plural(earlier.length, 'earlier run')}`, byKey('Run')('Restated', earlier)),
    ],
  };
}

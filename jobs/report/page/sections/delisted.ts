import type { LoadFigures } from '../../figures/figures.ts';
import { formatCount } from '../../format.ts';
import { html } from '../../../drawing/html.ts';
import { STATUSES } from '../../statuses.ts';
import { byReason, namedGroups, type Section } from '../parts.ts';

/** Tickers that are no longer asked for; what the lake has of them stays. */
export function delistedSection({ delisted, run }: LoadFigures): Section {
  return {
    id: 'delisted',
    title: 'Delisted',
    extent: formatCount(run.counts.delisted),
    lead: html`<p>Their old prices stay in the lake.</p>`,
    body: namedGroups('Delisted names', STATUSES.delisted.meaning, delisted, byReason),
  };
}

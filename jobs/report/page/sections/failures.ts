import type { LoadFigures } from '../../figures/figures.ts';
import { formatCount } from '../../format.ts';
import { html } from '../../../drawing/html.ts';
import { STATUSES } from '../../statuses.ts';
import { byReason, namedGroups, runsNote, type Section } from '../parts.ts';

/** Tickers without an answer that can be used, by class and reason. */
export function failuresSection({ failures, run, runs }: LoadFigures): Section {
  return {
    id: 'failures',
    title: 'Failures by class',
    extent: formatCount(run.failures),
    lead: html`<p>
        ${formatCount(run.failures)} of ${formatCount(run.tickers)} tickers have no answer that can be used.
      </p>
      <p>${runsNote(runs.length)}</p>`,
    body:
      failures.length === 0
        ? html`<p class="none">None.</p>`
        : failures.map(({ status, groups }) =>
            namedGroups(STATUSES[status].label, STATUSES[status].meaning, groups, byReason),
          ),
  };
}

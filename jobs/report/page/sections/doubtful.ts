import type { LoadFigures } from '../../figures/figures.ts';
import { countNames } from '../../figures/names.ts';
import { formatCount } from '../../format.ts';
import { html } from '../../../drawing/html.ts';
import { STATUSES } from '../../statuses.ts';
import { byKey, byReason, namedGroups, runsNote, type Section } from '../parts.ts';

/** Series that deserve a look although they came. */
export function doubtfulSection({ quarantined, flagged, short, empty, runs }: LoadFigures): Section {
  const { stale, flat, renamed } = flagged;
  const count = [quarantined, stale, flat, renamed, short, empty].reduce(
    (sum, groups) => sum + countNames(groups),
    0,
  );
  return {
    id: 'doubtful',
    title: 'Quarantined, stale and flat',
    extent: formatCount(count),
    lead: html`<p>Series that came and deserve a look.</p>
      <p>${runsNote(runs.length)}</p>`,
    body: [
      namedGroups('Quarantined', STATUSES.quarantined.meaning, quarantined, byReason),
      namedGroups(
        'Stale',
        'the last bar is more than a few sessions of its own exchange ago',
        stale,
        byKey('Last bar'),
      ),
      namedGroups('Flat', 'the same close again and again, with no volume', flat, byKey('Exchange')),
      namedGroups(
        'Renamed',
        'the provider gives another name or exchange than last time',
        renamed,
        byKey('Exchange'),
      ),
      namedGroups(
        'Short history',
        'the history does not reach back to the start of the lake, or to the date asked for',
        short,
        byKey('Asked from'),
      ),
      namedGroups('Without a bar', STATUSES.empty.meaning, empty, byReason),
    ],
  };
}

import type { AskedSettings } from '../../jobs/features/settings.ts';

/* What a release is tried with: three months of the sample, taken the whole way from a file to an answer. */

/** Where in the bucket the lake of a smoke test is. */
export const SMOKE_PREFIX = 'smoke/';
export const SMOKE_SET = 'smoke';

const WINDOW = { start: '2012-10-01', end: '2013-01-01' };

/** The setting of the set, as the command below makes it. */
export const SMOKE_TRANSFORM: Omit<AskedSettings, 'catalogue'> = {
  group: 'other',
  provider: 'csv',
  definitions: 'causal',
  fill: false,
  lags: 2,
  price: 'close',
  sample: 'weekly',
  na: 'keep',
  window: null,
};

/** Arguments of the command line, in the order in which they are run. */
export const SMOKE_COMMANDS = {
  load: ['load', '--source', 'csv', '--path', 'data/sample', '--start', WINDOW.start, '--end', WINDOW.end],
  // Crawls first, so that Athena knows of the months.
  transform: ['transform', '--cmd', 'other', '--set', SMOKE_SET, '--lags', '2', '--reload'],
  query: [
    'query',
    `select count(*) as n from features_${SMOKE_SET} ` +
      `where era >= date '${WINDOW.start}' and era < date '${WINDOW.end}'`,
    '--format',
    'csv',
  ],
} as const;

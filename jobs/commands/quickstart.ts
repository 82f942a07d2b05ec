import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../runtime/package-root.ts';
import type { Job } from '../runtime/run-job.ts';
import { runLoad } from './load.ts';
import { runQuery } from './query.ts';
import { runTransform } from './transform.ts';

const LAKE = 'file:./data/quickstart';
const QUERIES = ['coverage', 'live', 'actions'] as const;

/** `quickstart`: the whole flow on the bundled sample, into a lake of its own. */
export function defineQuickstart(command: Command, job: Job): void {
  command
    .description(
      'load the bundled sample prices, compute all features, answer three queries; no network, no account',
    )
    .action(async () => {
      const sample = join(packageRoot, 'data/sample');
      await runLoad(
        {
          source: 'csv',
          path: sample,
          universe: join(sample, 'universe.csv'),
          start: '1990-01-01',
          ticker: [],
          minCoverage: 1,
          lake: LAKE,
          local: false,
        },
        job,
      );
      job.print('');
      await runTransform(
        {
          cmd: 'all',
          lags: 5,
          reload: false,
          definitions: 'causal',
          price: 'close',
          sample: 'weekly',
          na: 'keep',
          rebuild: true,
          ticker: [],
          lake: LAKE,
          local: false,
        },
        job,
      );
      for (const name of QUERIES) {
        job.print(`\nquery      --name ${name} --lake ${LAKE}\n`);
        await runQuery(undefined, { name, format: 'table', lake: LAKE, local: false }, job, {
          rows: 10,
          columns: 7,
        });
      }
    });
}

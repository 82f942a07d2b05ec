import { Option, type Command } from 'commander';
import { formatResult } from '../query/format.ts';
import { isSymbol } from '../market/universe.ts';
import { awsConfig } from '../runtime/aws.ts';
import { systemClock } from '../runtime/clock.ts';
import { UsageError } from '../runtime/errors.ts';
import type { Job } from '../runtime/run-job.ts';
import { iamPolicy } from '../statistics/cache/iam-policy.ts';
import { invalidate, type InvalidationFilter } from '../statistics/cache/invalidate.ts';
import {
  cacheStatus,
  describeCache,
  dropCache,
  openCache,
  provisionCache,
} from '../statistics/cache/open-cache.ts';
import { TABLES, type TableName } from '../statistics/cache/tables.ts';
import { METHODS } from '../statistics/estimators/estimate.ts';
import { dateFor, oneOf } from './options.ts';

const PARTITIONS = ['aws', 'aws-cn', 'aws-us-gov'] as const;
const TABLE_NAMES = Object.keys(TABLES) as TableName[];

function parseSymbol(text: string): string {
  if (!isSymbol(text))
    throw new UsageError(`--ticker "${text}" is no symbol; the cache knows no other names`);
  return text;
}

interface Local {
  readonly local: boolean;
}

/** `cache`: the tables that statistics are kept in. */
export function defineCache(command: Command, job: Job): void {
  const settings = job.environment.cache;
  command.description('the cache of statistics: status, provision, invalidate, drop, iam-policy');
  const define = (name: string): Command =>
    command.command(name).option('--local', 'AWS credentials from data/credential/aws.csv', false);

  define('status')
    .description('what there is of each table')
    .action(async ({ local }: Local) => {
      const tables = await cacheStatus(settings, await awsConfig(local, job.limits));
      const rows = tables.map(({ table, state, items }) => [table, state, items]);
      const columns = ['table', 'state', 'items'].map((name) => ({ name, type: '' }));
      const limits = { rows: rows.length, columns: columns.length };
      job.print(
        `cache      ${describeCache(settings)}\n\n${formatResult({ columns, rows }, 'table', limits)}`,
      );
    });

  define('provision')
    .description('make the tables that are not there, and check those that are')
    .action(async ({ local }: Local) => {
      await provisionCache(settings, await awsConfig(local, job.limits));
      job.print(`cache      ${describeCache(settings)} is ready`);
    });

  define('invalidate')
    .description('remove statistics that fit all conditions given')
    .option(
      '--ticker <symbol>',
      'of a ticker; without another condition its prices are read again, too',
      parseSymbol,
    )
    .option('--method <name>', METHODS.join(', '), oneOf('--method', METHODS))
    .option('--end-before <date>', 'of windows that end before a date', dateFor('--end-before'))
    .addOption(new Option('--weekends', 'of coins with weekends'))
    .option('--no-weekends', 'without weekends')
    .option('--all', 'every statistic', false)
    .action(async (_options: object, sub: Command) => {
      const { all, local, ...filter } = sub.opts<InvalidationFilter & Local & { all: boolean }>();
      if (all === Object.keys(filter).length > 0)
        throw new UsageError('give conditions, or --all for every statistic');
      const store = await openCache(settings, await awsConfig(local, job.limits), systemClock, job.signal);
      try {
        const { profiles, correlations, ranges } = await invalidate(store, filter);
        job.print(
          `removed    ${profiles} profiles, ${correlations} correlations, ${ranges} ranges of prices`,
        );
      } finally {
        await store.close();
      }
    });

  define('drop')
    .description('remove tables with all they hold')
    .argument('[tables...]', `of ${TABLE_NAMES.join(', ')}; all by default`)
    .requiredOption('--yes', 'it cannot be undone')
    .action(async (given: string[], { local }: Local) => {
      const names = given.length === 0 ? TABLE_NAMES : given.map(oneOf('table', TABLE_NAMES));
      await dropCache(settings, await awsConfig(local, job.limits), names);
      job.print(`dropped    ${names.join(', ')} of ${describeCache(settings)}`);
    });

  command
    .command('iam-policy')
    .description('the least that a role needs for the cache in DynamoDB')
    .option('--region <region>', 'where the tables are', '*')
    .option('--account <id>', 'whose they are', '*')
    .option('--partition <name>', PARTITIONS.join(', '), oneOf('--partition', PARTITIONS), 'aws')
    .option('--provision', 'also to make and drop the tables', false)
    .action((options: { region: string; account: string; partition: string; provision: boolean }) => {
      const { region, account, partition, provision } = options;
      const location = { partition, region, account, prefix: settings.tablePrefix };
      job.print(JSON.stringify(iamPolicy(location, provision), undefined, 2));
    });
}

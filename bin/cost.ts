import { Command, Option } from 'commander';
import { formatResult } from '../jobs/query/format.ts';
import { createStages, type StageName } from '../lib/config.ts';
import { estimateCosts, USUAL } from '../lib/cost/estimate.ts';
import { PRICES_OF } from '../lib/cost/prices.ts';
import { readSettingsFile } from '../lib/settings.ts';

/* What a stage costs a month, from its configuration and a table of list prices. */

const { stage, years, queries, statistics, release } = new Command('cost')
  .description('estimate the monthly costs of a stage')
  .addOption(new Option('--stage <name>', 'dev or prod').choices(['dev', 'prod']).default('prod'))
  .option('--years <n>', 'years of prices and features in the lake', Number, USUAL.years)
  .option('--queries <n>', 'queries that people run a month', Number, USUAL.queries)
  .option('--statistics <n>', 'answers of the statistics functions a month', Number, USUAL.statistics)
  .option('--release', 'as the pipeline has it: what the environment adds to cdk.json does not count', false)
  .parse()
  .opts<{ stage: StageName; years: number; queries: number; statistics: number; release: boolean }>();

const config = createStages(readSettingsFile(release ? {} : process.env))[stage];
const lines = estimateCosts(config, { years, queries, statistics }).toSorted((a, b) => b.usd - a.usd);
const total = lines.reduce((sum, { usd }) => sum + usd, 0);
const rows = [...lines, { item: 'all', quantity: '', usd: total }].map(({ item, quantity, usd }) => [
  item,
  quantity,
  `${usd.toFixed(2)}`.padStart(6),
]);
const columns = ['item', 'a month', 'USD'].map((name) => ({ name, type: '' }));
process.stdout.write(
  `cost       ${stage}, ${config.tickers} tickers, list prices of us-east-1 of ${PRICES_OF}, no free tier\n\n` +
    `${formatResult({ columns, rows }, 'table', { rows: rows.length, columns: 3 })}\n`,
);

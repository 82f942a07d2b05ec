#!/usr/bin/env node
import { defineCache } from './commands/cache.ts';
import { defineLoad } from './commands/load.ts';
import { defineObjects } from './commands/objects.ts';
import { defineQuery } from './commands/query.ts';
import { defineQuickstart } from './commands/quickstart.ts';
import { defineReport } from './commands/report.ts';
import { defineTrading } from './commands/trading.ts';
import { defineStats } from './commands/stats.ts';
import { defineStrategy } from './commands/strategy.ts';
import { defineTransform } from './commands/transform.ts';
import { defineUniverse } from './commands/universe.ts';
import { defineVerify } from './commands/verify.ts';
import { runJob } from './runtime/run-job.ts';
import { versions } from './runtime/versions.ts';

await runJob(
  'signals',
  (program, job) => {
    program
      .description('Daily market prices into features for machine learning')
      .version(versions['signals']!);
    defineLoad(program.command('load'), job);
    defineTransform(program.command('transform'), job);
    defineQuery(program.command('query'), job);
    defineTrading(program.command('trading'), job);
    defineVerify(program.command('verify'), job);
    defineStats(program.command('stats'), job);
    defineCache(program.command('cache'), job);
    defineObjects(program.command('objects'), job);
    defineStrategy(program.command('strategy'), job);
    defineUniverse(program.command('universe'), job);
    defineReport(program.command('report'), job);
    defineQuickstart(program.command('quickstart'), job);
  },
  process.argv.slice(2),
);

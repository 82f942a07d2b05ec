#!/usr/bin/env node
import type { Command } from 'commander';
import { keepCompiledCode } from './runtime/compile-cache.ts';
import type { Job } from './runtime/run-job.ts';

// A command line is started often, and its code changes seldom. Only what is loaded from here on is kept compiled.
keepCompiledCode();
const { runJob } = await import('./runtime/run-job.ts');
const { versions } = await import('./runtime/versions.ts');

/** Each command with what it needs is loaded only when it is asked for: to load all of them takes a second. */
const COMMANDS: Readonly<Record<string, () => Promise<(command: Command, job: Job) => void>>> = {
  load: async () => (await import('./commands/load.ts')).defineLoad,
  transform: async () => (await import('./commands/transform.ts')).defineTransform,
  query: async () => (await import('./commands/query.ts')).defineQuery,
  report: async () => (await import('./commands/report.ts')).defineReport,
  verify: async () => (await import('./commands/verify.ts')).defineVerify,
  universe: async () => (await import('./commands/universe.ts')).defineUniverse,
  quickstart: async () => (await import('./commands/quickstart.ts')).defineQuickstart,
  stats: async () => (await import('./commands/stats.ts')).defineStats,
  cache: async () => (await import('./commands/cache.ts')).defineCache,
  objects: async () => (await import('./commands/objects.ts')).defineObjects,
  strategy: async () => (await import('./commands/strategy.ts')).defineStrategy,
  trading: async () => (await import('./commands/trading.ts')).defineTrading,
};

const argv = process.argv.slice(2);
const names = Object.hasOwn(COMMANDS, argv[0] ?? '') ? [argv[0]!] : Object.keys(COMMANDS);

await runJob(
  'signals',
  async (program, job) => {
    program
      .description('Daily market prices into features for machine learning')
      .version(versions['signals']!);
    for (const name of names) {
      const define = await COMMANDS[name]!();
      define(program.command(name), job);
    }
  },
  argv,
);

import { defineLoad } from './commands/load.ts';
import { runJob } from './runtime/run-job.ts';

await runJob('load', defineLoad, process.argv.slice(2));

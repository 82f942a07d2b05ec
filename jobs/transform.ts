import { defineTransform } from './commands/transform.ts';
import { runJob } from './runtime/run-job.ts';

await runJob('transform', defineTransform, process.argv.slice(2));

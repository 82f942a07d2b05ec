import type { Command } from 'commander';
import { openEnvironment, type AnalysisEnvironment } from '../environment/environment.ts';
import { utcDate, type IsoDate } from '../runtime/dates.ts';
import type { Job } from '../runtime/run-job.ts';
import { createRunId } from '../runtime/run-id.ts';
import { describeValue } from '../store/describe-value.ts';
import { StoreError } from '../store/errors.ts';
import { CacheEvents, type CacheEvent } from '../store/events.ts';
import { writeOutput } from './output-file.ts';

/** Where a command finds lake and objects. */
export interface PlaceOptions {
  readonly objects?: string;
  readonly lake?: string;
  readonly provider?: string;
  readonly local: boolean;
}

/** `objects`: what functions and people have put under a name. */
export function defineObjects(command: Command, job: Job): void {
  command.description('values by name, shared by a team: ls, get, rm');

  const ls = withObjects(command.command('ls'))
    .description('names, one a line')
    .argument('[prefix]', 'that start with this', '')
    .action(async (prefix: string) => {
      await withPlace(ls.opts<PlaceOptions>(), job, async (environment) => {
        const names = await environment.objectService().keys(prefix);
        if (names.length > 0) job.print(names.join('\n'));
      });
    });

  const get = withObjects(command.command('get'))
    .description('a value as JSON; what JSON does not have is named')
    .argument('<name>')
    .option('--save <file>', 'write it to a file')
    .action(async (name: string) => {
      const { save, ...options } = get.opts<PlaceOptions & { save?: string }>();
      await withPlace(options, job, async (environment) => {
        const found = await environment.objectService().getEntry(name, { strict: true });
        if (found === undefined)
          throw new StoreError('not-found', `there is no object "${name}"; see "objects ls"`);
        const text = describeValue(found.value);
        if (save === undefined) job.print(text);
        else await writeOutput(save, `${text}\n`);
      });
    });

  const rm = withObjects(command.command('rm'))
    .description('remove objects')
    .argument('<names...>')
    .action(async (names: string[]) => {
      await withPlace(rm.opts<PlaceOptions>(), job, async (environment) => {
        const absent: string[] = [];
        for (const name of names) {
          if (await environment.objectService().delete(name)) job.print(`removed    ${name}`);
          else absent.push(name);
        }
        if (absent.length > 0)
          throw new StoreError('not-found', `there is no object "${absent.join('", "')}"; see "objects ls"`);
      });
    });
}

/** The options that say where objects and strategies are. */
export function withObjects(command: Command): Command {
  return command
    .option('--objects <url>', 'file:FOLDER or s3://BUCKET[/PREFIX] (default: SIGNALS_OBJECTS)')
    .option('--local', 'AWS credentials from data/credential/aws.csv', false);
}

/** What changes an outcome without failing it: a stale value served, a damaged one passed over, a result not kept. */
const WARNINGS: ReadonlySet<CacheEvent['type']> = new Set(['grace', 'corrupt', 'conflict']);

/** Runs with an environment, and warns on the log of what its caches did otherwise than asked. */
export async function withPlace(
  { objects, lake, provider, local }: PlaceOptions,
  job: Job,
  work: (environment: AnalysisEnvironment) => Promise<void>,
  envDate: IsoDate = utcDate(job.now()),
): Promise<void> {
  const { environment: variables } = job;
  const settings = {
    lake: lake ?? variables.lake,
    objects: { ...variables.objects, url: objects ?? variables.objects.url },
  };
  const log = job.openLog({ job: 'objects', runId: createRunId(job.now()) });
  const events = new CacheEvents(({ type, key, detail = 'another is there' }) => {
    if (WARNINGS.has(type)) log.warn({ event: `cache.${type}`, key }, `${type}: ${detail}`);
  });
  const environment = openEnvironment({
    envDate,
    settings,
    events,
    useCredentialFile: local,
    limits: job.limits,
    ...(provider === undefined ? {} : { provider }),
  });
  try {
    await work(environment);
  } finally {
    await environment.close();
  }
}

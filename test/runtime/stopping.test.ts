import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { errorLine, startScript } from '../support/command.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

/* SIGTERM and SIGINT end every command in time, whatever it does. */

jest.setTimeout(60_000);

const folder = temporaryFolder();

/** Runs a job that says "ready" before each of the signals that it gets. */
async function stop(work: string, ...signals: readonly NodeJS.Signals[]) {
  const script = join(mkdtempSync(join(folder, 'script-')), 'job.ts');
  const from = (file: string): string => JSON.stringify(join(repository, 'jobs/runtime', file));
  writeFileSync(
    script,
    `import { setTimeout as sleep } from 'node:timers/promises';
     import { openDuckDB } from ${from('duckdb.ts')};
     import { StoppedError } from ${from('errors.ts')};
     import { runJob } from ${from('run-job.ts')};
     const ready = () => process.stdout.write('ready');
     await runJob('test', (command, job) => void command.action(async () => { ${work} }), []);`,
  );
  const { child, finished } = startScript(script, [], folder);
  let stoppedAt = 0;
  for (const signal of signals) {
    await new Promise<void>((resolve) => child.stdout!.once('data', () => resolve()));
    stoppedAt = Date.now();
    child.kill(signal);
  }
  const ended = await finished;
  return { ...ended, line: errorLine(ended), tookMs: Date.now() - stoppedAt };
}

test('work that ends in time says so itself', async () => {
  const work = `ready(); await sleep(60_000, undefined, { signal: job.signal }).catch(() => {});
    await sleep(50); throw new StoppedError('stopped, all is written');`;
  expect(await stop(work, 'SIGTERM')).toMatchObject({ code: 1, line: 'stopped, all is written' });
});

test('a wait for a server is cut off, and named', async () => {
  const work = `const keep = setInterval(() => {}, 1000); ready();
    await new Promise((_, reject) => job.limits.cutOff.addEventListener('abort', () => reject(new Error('no answer'))))
      .finally(() => clearInterval(keep));`;
  expect(await stop(work, 'SIGINT')).toMatchObject({
    code: 1,
    line: 'stopped by SIGINT before the work in hand was done; the same command starts it again: no answer',
  });
});

test('work that does not end is left behind, threads and all', async () => {
  // Ending a process the usual way would wait for the threads of this query, which takes hours.
  const work = `const db = await openDuckDB(process.cwd()); setTimeout(ready, 50);
    await db.run('select sum(a.range * b.range % 7) from range(10000000) a, range(10000000) b');`;
  const ended = await stop(work, 'SIGTERM');
  expect(ended).toMatchObject({
    code: 1,
    line: 'stopped by SIGTERM before the work in hand was done; the same command starts it again',
  });
  expect(ended.tookMs).toBeLessThan(5_000);
});

test('a second signal ends the process at once', async () => {
  const work = `ready(); job.signal.addEventListener('abort', ready); await sleep(60_000);`;
  expect(await stop(work, 'SIGINT', 'SIGINT')).toMatchObject({ signal: 'SIGINT' });
});

import cliProgress from 'cli-progress';
import type { Logger } from './log.ts';

/** Tells how far a long piece of work is. */
export interface Progress {
  /** @param detail what else there is to say at any moment, for instance the number of retries */
  start(what: string, total: number, detail?: () => string): void;
  advance(by?: number): void;
  /** Shows a count that other threads keep, until it is stopped. */
  follow(count: () => number): { stop(): void };
  stop(): void;
}

const BAR_EVERY_MS = 200;
const LINE_EVERY_MS = 30_000;

/** A bar on stderr when that is a terminal; elsewhere a line in the log every 30 seconds, so that pipes stay clean. */
export function createProgress(isTerminal: boolean, log: Logger): Progress {
  return isTerminal ? createBar() : createLines(log);
}

function createBar(): Progress {
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: '{what} {bar} {value}/{total} | {rate}/s{detail} | {eta_formatted} left',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  });
  let startedAt = 0;
  let done = 0;
  let detailOf = (): string => '';
  const show = (): void => {
    const rate = formatRate(done, Date.now() - startedAt);
    bar.update(done, { rate, detail: detailOf() });
  };
  return {
    start(what, total, detail = () => '') {
      startedAt = Date.now();
      done = 0;
      detailOf = () => (detail() === '' ? '' : `, ${detail()}`);
      bar.start(total, 0, { what, rate: '0', detail: '' });
    },
    advance(by = 1) {
      done += by;
      show();
    },
    follow(count) {
      const timer = setInterval(() => {
        done = count();
        show();
      }, BAR_EVERY_MS);
      return { stop: () => clearInterval(timer) };
    },
    stop: () => bar.stop(),
  };
}

function createLines(log: Logger): Progress {
  let timer: NodeJS.Timeout | undefined;
  let done = 0;
  let count = (): number => done;
  return {
    start(what, total, detail = () => '') {
      const startedAt = Date.now();
      done = 0;
      count = () => done;
      timer = setInterval(() => {
        const elapsedMs = Date.now() - startedAt;
        const leftMs = count() === 0 ? undefined : (elapsedMs / count()) * (total - count());
        const left = leftMs === undefined ? '' : `, about ${Math.ceil(leftMs / 60_000)} minutes left`;
        const more = detail() === '' ? '' : `, ${detail()}`;
        log.info(
          { event: 'progress', what, done: count(), total },
          `${what} ${count()} of ${total}, ${formatRate(count(), elapsedMs)} a second${more}${left}`,
        );
      }, LINE_EVERY_MS).unref();
    },
    advance(by = 1) {
      done += by;
    },
    follow(following) {
      count = following;
      return { stop() {} };
    },
    stop: () => clearInterval(timer),
  };
}

function formatRate(done: number, elapsedMs: number): string {
  return ((done / Math.max(1, elapsedMs)) * 1000).toFixed(1);
}

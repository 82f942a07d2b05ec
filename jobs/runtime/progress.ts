import cliProgress from 'cli-progress';

/** Tells a person how far a long piece of work is. */
export interface Progress {
  start(what: string, total: number): void;
  advance(by?: number): void;
  /** Shows a count that other threads keep, until it is stopped. */
  follow(count: () => number): { stop(): void };
  stop(): void;
}

/** A bar on stderr when that is a terminal, nothing otherwise: logs and pipes stay clean. */
export function createProgress(isTerminal: boolean): Progress {
  if (!isTerminal) return { start() {}, advance() {}, follow: () => ({ stop() {} }), stop() {} };
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: '{what} {bar} {value}/{total} | {eta_formatted} left',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  });
  return {
    start: (what, total) => bar.start(total, 0, { what }),
    advance: (by = 1) => bar.increment(by),
    follow(count) {
      const timer = setInterval(() => bar.update(count()), 200);
      return { stop: () => clearInterval(timer) };
    },
    stop: () => bar.stop(),
  };
}

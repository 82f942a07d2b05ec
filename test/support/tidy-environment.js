import { setImmediate } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** What is closed at the end of a file may take a moment on a machine with much else to do. */
const PATIENCE_MS = 10_000;

/**
 * Fails a test file that leaves something open which would keep its worker from ending: a server, a connection, a child
 * process. Jest itself only says at the end of the run that some worker did not exit, and not which file it was.
 */
export default class TidyEnvironment extends TestEnvironment {
  #before = [];

  async setup() {
    await super.setup();
    // Opened by the first who looks at them, and open from then on.
    void [process.stdin, process.stdout, process.stderr];
    this.#before = process.getActiveResourcesInfo();
  }

  async teardown() {
    await super.teardown();
    const until = performance.now() + PATIENCE_MS;
    while (this.#leftOpen().length > 0) {
      if (performance.now() > until) throw new Error(`this file leaves open: ${this.#leftOpen().join(', ')}`);
      await setImmediate();
    }
  }

  /** Kinds of what keeps the process alive and did not before; what ends by itself soon is none. */
  #leftOpen() {
    const left = process.getActiveResourcesInfo();
    for (const kind of this.#before) {
      const index = left.indexOf(kind);
      if (index !== -1) left.splice(index, 1);
    }
    return left.filter((kind) => kind !== 'Immediate');
  }
}

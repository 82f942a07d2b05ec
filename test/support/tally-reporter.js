/** Closes a test run with one plain line, and fails it where CI=true and a suite could not run. */
export default class TallyReporter {
  #skipped = 0;

  onRunComplete(_contexts, results) {
    this.#skipped = results.numPendingTests;
    const passed = `${results.numPassedTests} passed`;
    const failed = `${results.numFailedTests + results.numRuntimeErrorTestSuites} failed`;
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`;
    // Jest prints its own summary after this, and the plain line is to be the last one.
    process.once('exit', () => process.stdout.write(`\n${passed}, ${failed}${skipped}\n`));
  }

  getLastError() {
    if (process.env.CI === 'true' && this.#skipped > 0) {
      return new Error(`${this.#skipped} tests were skipped, and with CI=true none may be`);
    }
    return undefined;
  }
}

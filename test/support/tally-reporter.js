/** More tests than this share may not need what `make setup` installs. */
const MOST_NEEDING_SETUP = 0.15;

/**
 * Closes a test run with one plain line, after the names of the suites that were skipped for something missing. Fails
 * the run where CI=true and a suite could not run, and where too many tests need more than npm packages.
 */
export default class TallyReporter {
  #config;
  /** Tests that were skipped though the machine could have run them. */
  #avoidable = 0;
  #tooMany;

  constructor(config) {
    this.#config = config;
  }

  onRunComplete(_contexts, results) {
    const { suites, needing, missing } = countNeeds(results.testResults);
    this.#avoidable = results.numPendingTests - countElsewhere(results.testResults);
    const { testPathPatterns, testNamePattern = '' } = this.#config;
    const isWhole = (testPathPatterns?.patterns ?? []).length === 0 && testNamePattern === '';
    if (isWhole && needing > MOST_NEEDING_SETUP * results.numTotalTests) {
      this.#tooMany = `${needing} of ${results.numTotalTests} tests need what make setup installs; at most ${MOST_NEEDING_SETUP * 100} % may`;
    }
    const share = ((100 * missing) / results.numTotalTests).toFixed(1);
    const names =
      suites.size === 0
        ? ''
        : `\nSkipped ${missing} tests (${share} %) for what is missing:\n${[...suites].map(([name, count]) => `  ${count}  ${name}\n`).join('')}`;
    const passed = `${results.numPassedTests} passed`;
    const failed = `${results.numFailedTests + results.numRuntimeErrorTestSuites} failed`;
    const skipped = results.numPendingTests === 0 ? '' : `, ${results.numPendingTests} skipped`;
    // Jest prints its own summary after this, and the plain line is to be the last one.
    process.once('exit', () => process.stdout.write(`${names}\n${passed}, ${failed}${skipped}\n`));
  }

  getLastError() {
    if (process.env.CI === 'true' && this.#avoidable > 0) {
      return new Error(`${this.#avoidable} tests were skipped, and with CI=true none may be`);
    }
    return this.#tooMany === undefined ? undefined : new Error(this.#tooMany);
  }
}

/**
 * Tests of the suites that test/support/describe-with.ts names: how many need something, how many of them were skipped
 * since it is missing, and how many of each suite.
 */
function countNeeds(files) {
  const suites = new Map();
  let needing = 0;
  let missing = 0;
  for (const { testFilePath, testResults } of files) {
    for (const { ancestorTitles } of testResults) {
      const needs = ancestorTitles.filter((title) => /\(needs [^)]+\)$/.test(title));
      if (needs.length > 0) needing += 1;
      const skipped = needs.find((title) => title.includes('; skipped: '));
      if (skipped === undefined) continue;
      missing += 1;
      const name = `${testFilePath.replace(`${process.cwd()}/`, '')}: ${skipped}`;
      suites.set(name, (suites.get(name) ?? 0) + 1);
    }
  }
  return { suites, needing, missing };
}

/** Tests that test/support/test-where.ts skipped, since this machine cannot run them. */
function countElsewhere(files) {
  const skipped = files.flatMap(({ testResults }) =>
    testResults.filter(({ title, status }) => status === 'pending' && / \(not on this machine: /.test(title)),
  );
  return skipped.length;
}

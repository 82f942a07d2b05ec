/**
 * What some suites use beyond npm packages. `make setup` installs it; the tests only look for it, once before all suites,
 * and tell their workers by environment variables what is missing.
 */
export type Need = 'AWS emulator' | 'Python' | 'Redis' | 'browser';

export function reportMissing(need: Need, reason: string): void {
  process.env[variableOf(need)] = reason;
}

/** Why there is none; `undefined` where there is one. */
export function whyMissing(need: Need): string | undefined {
  return process.env[variableOf(need)];
}

function variableOf(need: Need): string {
  return `TEST_MISSING_${need.toUpperCase().replace(' ', '_')}`;
}

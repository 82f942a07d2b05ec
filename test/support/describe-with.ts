import { describe } from '@jest/globals';
import { whyMissing, type Need } from './needs.ts';

/**
 * A suite that needs more than npm packages; skipped, with the reason in its name, where that is missing. The reporter
 * reads these names.
 */
export function describeWith(need: Need, name: string, suite: () => void): void {
  const missing = whyMissing(need);
  if (missing === undefined) describe(`${name} (needs ${need})`, suite);
  else describe.skip(`${name} (needs ${need}; skipped: ${missing})`, suite);
}

import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/*
 * Invokes handlers of a bundle as Lambda's runtime does: `FILE`, then a line `{handler, event, remainingMs}` on stdin for
 * each invocation. Prints a line for each: how long the bundle took to load, and the answer or what was thrown.
 */

const [file] = process.argv.slice(2);
const startedAt = performance.now();
const bundle: unknown = await import(pathToFileURL(file!).href);
const loadMs = performance.now() - startedAt;

for await (const line of createInterface({ input: process.stdin })) {
  const { handler, event, remainingMs = 30_000 } = JSON.parse(line);
  // `index.a.b` is the property b of the export a.
  const invoke = String(handler)
    .split('.')
    .slice(1)
    .reduce<any>((found, name) => found[name], bundle);
  const invokedAt = performance.now();
  const context = {
    awsRequestId: 'test',
    functionVersion: '$LATEST',
    getRemainingTimeInMillis: () => remainingMs,
  };
  const outcome = await invoke(event, context).then(
    (answer: unknown) => ({ answer }),
    (error: Error) => ({ thrown: error.message }),
  );
  process.stdout.write(`@@${JSON.stringify({ ...outcome, loadMs, ms: performance.now() - invokedAt })}\n`);
}

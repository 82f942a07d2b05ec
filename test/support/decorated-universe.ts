import { deInit, init } from '../../jobs/environment/current.ts';
import { setupMetadata } from '../../jobs/environment/metadata.ts';
import { cachedMethod } from '../../jobs/objects/cached.ts';

/* A program with a decorator, which Node does not run as it is and compilers do: calls and keys as JSON on stdout. */

let calls = 0;

class Universe {
  readonly name = 'mine';

  @cachedMethod({ name: 'universe' })
  async of(index: string): Promise<string> {
    calls += 1;
    return `${this.name} ${index}`;
  }
}

setupMetadata({ provider: 'memory' });
const objects = init({ envDate: '2022-01-30' }).objectService();
const universe = new Universe();
const results = [await universe.of('DAX'), await universe.of('DAX'), await universe.of('SPX')];
process.stdout.write(JSON.stringify({ results, calls, keys: (await objects.keys()).length }));
await deInit();

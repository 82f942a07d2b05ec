import { openDuckDB } from '../runtime/duckdb.ts';
import { withScratch } from '../runtime/scratch.ts';
import { pricesMarkKey } from './layout.ts';
import { HeldMark, LostMarkError, type MarkPorts, type RollForward } from './marks.ts';
import { mergeMonths, readMerge, type MergePorts } from './merge-prices.ts';
import type { ObjectStore } from './object-store.ts';

// An empty mark is lost to another process only while this one sleeps.
const MAX_ATTEMPTS = 5;

/**
 * Runs `work` under the mark of a provider's prices, for a merge of `run`; the merge of a dead run is carried out first.
 * A mark that is lost before it names a merge is taken again, and `work` is run again.
 */
export async function withPricesMark<T>(
  provider: string,
  run: string,
  ports: MergePorts & MarkPorts,
  work: (held: HeldMark) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const held = await HeldMark.take(ports.store, pricesMarkKey(provider), run, ports, carryOut(ports));
    try {
      return await held.use(() => work(held));
    } catch (error) {
      if (!(error instanceof LostMarkError && held.isEmpty) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * Carries out the merge of a dead run into a provider's prices, where there is one, with a DuckDB of its own; false where
 * its run is alive.
 */
export function rollPricesForward(store: ObjectStore, provider: string, ports: MarkPorts): Promise<boolean> {
  return HeldMark.rollForward(store, pricesMarkKey(provider), ports, (change, held) =>
    withScratch('merge', async (scratch) => {
      const db = await openDuckDB(scratch);
      try {
        await carryOut({ store, db, scratch })(change, held);
      } finally {
        db.closeSync();
      }
    }),
  );
}

function carryOut(ports: MergePorts): RollForward {
  return async ({ input }, held) => {
    const merge = await readMerge(input, ports);
    await mergeMonths(merge, ports, held, () => {});
  };
}

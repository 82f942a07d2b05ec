import { systemClock } from '../runtime/clock.ts';
import type { MarkPorts } from './marks.ts';
import type { ObjectStore } from './object-store.ts';
import type { ReadPorts } from './read-prices.ts';

/** How prices are read by who may write and has DuckDB: merges are waited for, and those of killed runs finished. */
export function readPortsOf(
  store: ObjectStore,
  { signal, now, sleep = systemClock.sleep }: Omit<MarkPorts, 'sleep'> & Partial<MarkPorts>,
): ReadPorts {
  const waiting = { signal, now, sleep };
  return {
    ...waiting,
    // What merges is loaded only where something is left to be merged.
    async rollForward(provider) {
      const { rollPricesForward } = await import('./roll-forward.ts');
      return rollPricesForward(store, provider, waiting);
    },
  };
}

import type { IsoDate } from '../../runtime/dates.ts';
import { StoppedError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Progress } from '../../runtime/progress.ts';
import { confirm, type Ask } from './confirm.ts';
import type { Evidence } from './evidence.ts';
import type { Mapping, Name } from './mapping.ts';
import type { Kept } from './refresh.ts';

export interface VerifyPorts {
  readonly ask: Ask;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The UTC date that answers are remembered with. */
  readonly today: IsoDate;
  /** Keeps the evidence; called after every answer, so that a run that ends early loses none. */
  save(): Promise<void>;
}

/**
 * Asks the provider about every name that is left open and adds what it answers to `evidence`. Ends early when the
 * provider refuses; what is left is asked next time. Throws StoppedError when asked to stop.
 */
export async function verifyNames(
  kept: readonly Kept[],
  map: (name: Name, known: string) => Mapping,
  evidence: Map<string, Evidence>,
  { ask, log, progress, signal, today, save }: VerifyPorts,
): Promise<void> {
  const names = kept
    .map(({ name, known }) => ({ id: name.id, candidates: map(name, known).open }))
    .filter(({ candidates }) => candidates.length > 0);
  progress.start('asking', names.length);
  try {
    for (const { id, candidates } of names) {
      const finding = await confirm(candidates, ask);
      if (signal.aborted) {
        throw new StoppedError(`stopped by ${String(signal.reason)}; answers are kept, run again to go on`);
      }
      progress.advance();
      if (finding.kind === 'refused') {
        log.warn(
          { event: 'universe.refused' },
          `the provider refuses (${finding.reason}); other names stay unverified`,
        );
        return;
      }
      if (finding.kind === 'open') {
        log.warn({ event: 'universe.open', id }, `${id} stays unverified: ${finding.reason}`);
        continue;
      }
      const { refused } = finding;
      const none = { yahoo: '', exchange: '', currency: '', name: '' };
      const found = finding.kind === 'none' ? none : describeListing(finding);
      evidence.set(id, { id, ...found, checked: today, refused });
      await save();
    }
  } finally {
    progress.stop();
  }
}

function describeListing({
  symbol,
  listing,
}: Extract<Awaited<ReturnType<typeof confirm>>, { kind: 'found' }>): Pick<
  Evidence,
  'yahoo' | 'exchange' | 'currency' | 'name'
> {
  const { exchange, currency, name } = listing;
  return { yahoo: symbol, exchange: exchange ?? '', currency: currency ?? '', name: name ?? '' };
}

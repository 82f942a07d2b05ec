import { isDeepStrictEqual } from 'node:util';
import { eraIndexKey, settingsKey } from '../lake/layout.ts';
import type { HeldMark } from '../lake/marks.ts';
import { ABSENT, ConflictError, type ObjectStore } from '../lake/object-store.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { LakeError, UsageError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { parseIndex, vouchedEras } from './era-index.ts';
import { bytesOfEras, formatChangedSettings, listSet, readSettings } from './set-objects.ts';
import type { SetTarget } from './set-writer.ts';
import {
  compareSettings,
  describeDifference,
  formatSettings,
  settleSettings,
  type AskedSettings,
  type FeatureSettings,
} from './settings.ts';

export interface SetRequest {
  readonly runId: string;
  readonly set: string;
  /** What the command asks for. */
  readonly settings: AskedSettings;
  /** Write eras on or after this date only. */
  readonly since: IsoDate | undefined;
  /** Compute these tickers only; all when empty. */
  readonly tickers: readonly string[];
  /** Replace the set, whatever its setting is. */
  readonly isRebuild: boolean;
}

/**
 * Looks at a set under its mark, and decides what a run makes of it: adds to it, or replaces it whole, where that was
 * asked for or its catalogue is not today's. Nothing of it is changed yet; only a set without a setting gets one.
 */
export async function prepareSet(
  request: SetRequest,
  { store, log }: { readonly store: ObjectStore; readonly log: Logger },
  held: HeldMark,
): Promise<SetTarget> {
  const { set, settings: asked, runId, since, isRebuild } = request;
  const key = settingsKey(set);
  const objects = await listSet(store, set);
  const stored = await store.get(key);
  const found = { set, run: runId, held, objects };
  const replaced = (setting: FeatureSettings, isSame: boolean): SetTarget => {
    const text = isSame ? undefined : formatChangedSettings(setting, runId);
    return { ...found, setting, standing: new Map(), isWhole: true, settings: text, since };
  };
  if (isRebuild && (stored !== undefined || objects.eras.size > 0)) {
    const setting = settleSettings(asked, undefined);
    return replaced(setting, stored !== undefined && isSetting(stored.body, key, setting));
  }
  const before = stored === undefined ? undefined : readSettings(stored.body, key);
  const setting = settleSettings(asked, before);
  const index = parseIndex((await store.get(eraIndexKey(set)))?.body);
  const standing = vouchedEras(index, bytesOfEras(objects));
  if (before === undefined) await putFirstSettings(store, key, setting);
  else {
    const compared = compareSettings(before, setting);
    if (compared === 'rebuild') {
      refuseParts(request, before);
      log.info(
        { event: 'transform.rebuild', set, from: before.catalogue, to: setting.catalogue },
        `set ${set} is of catalogue ${before.catalogue}; all its eras are computed by catalogue ${setting.catalogue}`,
      );
      const first = [...standing.keys()].toSorted()[0];
      const from = since !== undefined && first !== undefined && first < since ? first : since;
      return { ...replaced(setting, false), since: from };
    }
    if (compared !== 'same') throw new UsageError(describeDifference(set, compared.different));
  }
  return { ...found, setting, standing, isWhole: false, settings: undefined, since };
}

async function putFirstSettings(store: ObjectStore, key: string, settings: FeatureSettings): Promise<void> {
  try {
    await store.put(key, Buffer.from(formatSettings(settings)), ABSENT);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    throw new LakeError(`${error.message}; run again`, error);
  }
}

function isSetting(body: Uint8Array, key: string, settings: FeatureSettings): boolean {
  try {
    return isDeepStrictEqual(readSettings(body, key), settings);
  } catch {
    // What is no setting is replaced.
    return false;
  }
}

/** Some tickers alone would leave the others out of the set that takes the place of this one. */
function refuseParts({ set, settings, tickers }: SetRequest, stored: FeatureSettings): void {
  if (tickers.length === 0) return;
  throw new UsageError(
    `set "${set}" was made with catalogue ${stored.catalogue} (now ${settings.catalogue}); ` +
      'transform it once without --ticker, which computes it anew',
  );
}

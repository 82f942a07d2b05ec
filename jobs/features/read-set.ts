import { setMarkKey, settingsKey } from '../lake/layout.ts';
import type { ObjectStore } from '../lake/object-store.ts';
import {
  createCopier,
  readListed,
  readOneState,
  type StatePorts,
  type Subject,
} from '../lake/read-one-state.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { LakeBusyError } from '../runtime/errors.ts';
import { parseIndex, vouchedEras } from './era-index.ts';
import { rollSetForward } from './set-change.ts';
import { bytesOfEras, listSet, readSettings, type SetObjects } from './set-objects.ts';
import type { FeatureSettings } from './settings.ts';

/** One state of a feature set as files of this machine. */
export interface SetFiles {
  readonly settings: FeatureSettings;
  /** Oldest first; eras without rows are not among them. */
  readonly eras: readonly { readonly era: IsoDate; readonly file: string }[];
  /** Eras of its index whose object is missing or is not what the index says; oldest first. */
  readonly damaged: readonly IsoDate[];
}

/**
 * Copies one state of a set below `folder`, which is used by nobody else; undefined where the lake has no such set. A
 * change of a dead run is carried out first. Throws LakeBusyError, naming the run, when the set is being changed for
 * longer than a reader waits, or when it cannot carry the change of a dead run out.
 */
export async function copySet(
  store: ObjectStore,
  set: string,
  folder: string,
  ports: StatePorts,
): Promise<SetFiles | undefined> {
  const copy = createCopier(store, folder);
  return readOneState(store, subjectOf(store, set, ports), ports, async (listed) => {
    const settings = readSettings(await readListed(store, listed.settings!), settingsKey(set));
    const index = parseIndex(listed.index === undefined ? undefined : await readListed(store, listed.index));
    const vouched = vouchedEras(index, bytesOfEras(listed));
    const objects = [...listed.eras].filter(([era]) => (vouched.get(era)?.rows ?? 0) > 0);
    const files = await copy(objects.map(([, object]) => object));
    return {
      settings,
      eras: objects.map(([era, { key }]) => ({ era, file: files.get(key)! })),
      damaged: [...index.entries.keys()].filter((era) => !vouched.has(era)).toSorted(),
    };
  });
}

function subjectOf(store: ObjectStore, set: string, ports: StatePorts): Subject<SetObjects> {
  return {
    async list() {
      const objects = await listSet(store, set);
      return objects.settings === undefined ? undefined : objects;
    },
    objects: ({ settings, index, eras }) =>
      [settings, index, ...eras.values()].filter((object) => object !== undefined),
    markKey: () => setMarkKey(set),
    name: () => `the eras of set "${set}"`,
    verb: 'changing',
    rollForward: () => rollSetForward(store, set, ports),
    acceptUnfinished({ run }) {
      throw new LakeBusyError(
        `run ${run} was killed while it changed set "${set}" of lake "${store.url}", ` +
          'and finishing that needs the right to write; run any transform of the set with it',
      );
    },
  };
}

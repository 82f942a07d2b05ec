import { eraIndexKey, FEATURES_PREFIX, parseEraKey, settingsKey } from '../lake/layout.ts';
import type { ObjectInfo, ObjectStore } from '../lake/object-store.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { formatSettings, parseSettings, type FeatureSettings } from './settings.ts';

/** The objects of a feature set as one listing found them. */
export interface SetObjects {
  readonly settings: ObjectInfo | undefined;
  readonly index: ObjectInfo | undefined;
  /** Oldest first. */
  readonly eras: ReadonlyMap<IsoDate, ObjectInfo>;
}

export async function listSet(store: ObjectStore, set: string): Promise<SetObjects> {
  const eras = new Map<IsoDate, ObjectInfo>();
  let settings: ObjectInfo | undefined;
  let index: ObjectInfo | undefined;
  for await (const object of store.list(`${FEATURES_PREFIX}${set}/`)) {
    const era = parseEraKey(object.key)?.era;
    if (era !== undefined) eras.set(era, object);
    else if (object.key === settingsKey(set)) settings = object;
    else if (object.key === eraIndexKey(set)) index = object;
  }
  return { settings, index, eras };
}

export function bytesOfEras({ eras }: SetObjects): ReadonlyMap<IsoDate, number> {
  return new Map([...eras].map(([era, { bytes }]) => [era, bytes]));
}

/** Reads the settings object of a set. Throws UsageError when it is not one, naming `key`. */
export function readSettings(body: Uint8Array, key: string): FeatureSettings {
  const text = Buffer.from(body).toString();
  const stamped = /^\{\n {2}"run": "[^"]*",(?=\n)/.exec(text);
  return parseSettings(stamped === null ? text : `{${text.slice(stamped[0].length)}`, key);
}

/**
 * The settings object that takes the place of another one. It names its run, so that a set that is rebuilt to an
 * earlier setting does not get the earlier bytes back.
 */
export function formatChangedSettings(settings: FeatureSettings, run: string): string {
  return formatSettings(settings).replace('{', `{\n  "run": ${JSON.stringify(run)},`);
}

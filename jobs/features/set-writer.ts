import { eraKey } from '../lake/layout.ts';
import type { HeldMark } from '../lake/marks.ts';
import { ABSENT, ConflictError, type ObjectStore } from '../lake/object-store.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { LakeError } from '../runtime/errors.ts';
import { putIndex, type EraEntry, type EraIndex } from './era-index.ts';
import { isSameEra } from './same-era.ts';
import { carryOut, nameChange, stagedEraKey } from './set-change.ts';
import type { SetObjects } from './set-objects.ts';
import type { FeatureSettings } from './settings.ts';

/** A set as a run found it under the mark of the set, and what the run is to make of it. */
export interface SetTarget {
  readonly set: string;
  readonly run: string;
  readonly held: HeldMark;
  /** What lies in the set now. */
  readonly objects: SetObjects;
  /** Eras of the set that the run can build on; none where the whole set is replaced. */
  readonly standing: EraIndex;
  /** Whether the set has only the eras of this run afterwards. */
  readonly isWhole: boolean;
  /** The setting of the set from then on. */
  readonly setting: FeatureSettings;
  /** Text of the settings object that is switched with the eras; undefined where it stays. */
  readonly settings: string | undefined;
  /** Eras on or after this date are to be computed; all when undefined. */
  readonly since: IsoDate | undefined;
}

/** After so long the mark is looked at again before another era is put. */
const CHECK_MS = 1000;

/**
 * Puts eras into a set. One that has no object yet is put at once: until the index vouches for it, it is no part of the
 * set. One that replaces another is laid ready beside the set, and `finish` switches all of them as one change. What
 * is equal stays as it is.
 */
export class SetWriter {
  readonly #store: ObjectStore;
  readonly #target: SetTarget;
  /** Written or found equal, and not in the index yet. */
  readonly #settled = new Map<IsoDate, EraEntry>();
  /** All that the run has computed. */
  readonly #entries = new Map<IsoDate, EraEntry>();
  readonly #replaced: IsoDate[] = [];
  readonly #removed: IsoDate[] = [];
  /** Whether all that the run does becomes part of the set at once. */
  #isOneSwitch: boolean;
  #checkedAt = -Infinity;

  constructor(store: ObjectStore, target: SetTarget) {
    this.#store = store;
    this.#target = target;
    this.#isOneSwitch = target.isWhole;
  }

  /** To be told before the first of them is written: where one may replace an object, they become visible together. */
  plan(eras: readonly IsoDate[]): void {
    if (eras.some((era) => this.replaces(era))) this.#isOneSwitch = true;
  }

  /** Whether an era would replace an object, whatever that is. */
  replaces(era: IsoDate): boolean {
    return this.#target.objects.eras.has(era);
  }

  /** The object of an era that the run can build on. */
  async read(era: IsoDate): Promise<{ entry: EraEntry; body: Uint8Array } | undefined> {
    const entry = this.#target.standing.get(era);
    if (entry === undefined || entry.rows === 0) return undefined;
    const object = await this.#store.get(eraKey(this.#target.set, era));
    return object && { entry, body: object.body };
  }

  /** The era is what it was, whatever it was made from. */
  keep(era: IsoDate, entry: EraEntry): void {
    this.#settled.set(era, entry);
    this.#entries.set(era, entry);
  }

  async put(era: IsoDate, body: Uint8Array, { fingerprint, rows }: Omit<EraEntry, 'bytes'>): Promise<void> {
    const { set, held } = this.#target;
    const key = eraKey(set, era);
    const entry = { fingerprint, rows, bytes: body.length };
    if (!this.replaces(era)) {
      await this.#checkNowAndThen();
      try {
        await this.#store.put(key, body, ABSENT);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        throw new LakeError(`${error.message}; run again to build on it`, error);
      }
      this.keep(era, entry);
      return;
    }
    const current = await this.#store.get(key);
    if (current !== undefined && isSameEra(current.body, body)) {
      this.keep(era, { ...entry, bytes: current.body.length });
      return;
    }
    await this.#store.put(stagedEraKey(held.input, era), body);
    this.#replaced.push(era);
    this.#entries.set(era, entry);
  }

  /** An era without rows has no object, and an entry that says so. */
  remove(era: IsoDate, fingerprint: string): void {
    const entry = { fingerprint, rows: 0, bytes: 0 };
    if (!this.replaces(era)) {
      this.keep(era, entry);
      return;
    }
    this.#removed.push(era);
    this.#entries.set(era, entry);
  }

  /**
   * Lets the index vouch for eras that only add to the set, so that they are not lost when the run ends early.
   *
   * @returns those eras
   */
  async flush(): Promise<EraIndex> {
    return this.#isOneSwitch ? new Map() : this.#settle();
  }

  /**
   * Switches the set to what the run made of it.
   *
   * @returns eras that are part of the set since then
   */
  async finish(signal: AbortSignal): Promise<EraIndex> {
    const { set, run, held, objects, isWhole, settings } = this.#target;
    if (isWhole && this.#entries.size === 0 && objects.eras.size > 0) {
      throw new LakeError(
        `set "${set}" in lake "${this.#store.url}" is left as it was: no era can be computed to take its place`,
      );
    }
    const unneeded = isWhole ? [...objects.eras.keys()].filter((era) => !this.#entries.has(era)) : [];
    const removed = [...this.#removed, ...unneeded];
    if (settings === undefined && this.#replaced.length === 0 && removed.length === 0) {
      if (!isWhole) return this.#settle();
      await putIndex(this.#store, set, held, () => ({ entries: this.#entries, run }));
      return this.#entries;
    }
    const change = {
      ...{ set, run, isWhole, removed },
      settings: settings ?? null,
      entries: Object.fromEntries(this.#entries),
      replaced: this.#replaced,
    };
    await nameChange(change, this.#store, held);
    await carryOut(change, held.input, { store: this.#store, held, signal });
    return this.#entries;
  }

  async #settle(): Promise<EraIndex> {
    const settled = new Map(this.#settled);
    if (settled.size === 0) return settled;
    const { set, held } = this.#target;
    await putIndex(this.#store, set, held, ({ entries, run }) => ({
      entries: new Map([...entries, ...settled]),
      run,
    }));
    this.#settled.clear();
    return settled;
  }

  /** Takes away what lies ready for a change that was not named. */
  async abandon(): Promise<void> {
    const { held } = this.#target;
    if (!held.isEmpty) return;
    for (const era of this.#replaced) await this.#store.delete(stagedEraKey(held.input, era));
  }

  /** A run that slept for long finds its mark taken; the one era that is on its way then is part of no set. */
  async #checkNowAndThen(): Promise<void> {
    const now = performance.now();
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    await this.#target.held.check();
  }
}

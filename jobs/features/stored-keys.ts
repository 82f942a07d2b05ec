/** How the keys of a stored object have changed since the first version of this program wrote one. */
export interface KeyHistory {
  /** The keys of the first version under the names that it gave them, in its order. */
  readonly first: readonly string[];
  /** Keys that came later, in the order in which they came. */
  readonly added: Readonly<Record<string, AddedKey>>;
  /** Present names of keys that were renamed, each with its former names, the oldest first. */
  readonly renamed: Readonly<Record<string, readonly string[]>>;
}

interface AddedKey {
  /** The value that held for every object until the key came. */
  readonly before: unknown;
  /** The value of a new object where nothing else is said. */
  readonly initial: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** Keys of a stored object that no version up to this one has written; a former name beside the present one is one. */
export function unknownKeys(stored: Fields, history: KeyHistory): string[] {
  return Object.keys(stored).filter((name) => {
    const key = presentName(name, history);
    return !presentKeys(history).includes(key) || (key !== name && key in stored);
  });
}

/** A stored object under the present names; keys that came after it was written have the value that held then. */
export function toPresent(stored: Fields, history: KeyHistory): Record<string, unknown> {
  return { ...valuesOf(history, 'before'), ...renameKeys(stored, history) };
}

/**
 * The object as the first version would have written it, then whatever that version could not say. The same text for
 * the same meaning, whichever version asks.
 */
export function canonicalText(present: Fields, history: KeyHistory): string {
  const said = presentKeys(history).filter(
    (key) => !(key in history.added) || present[key] !== history.added[key]!.before,
  );
  return JSON.stringify(
    Object.fromEntries(said.map((key) => [history.renamed[key]?.[0] ?? key, present[key]])),
  );
}

/**
 * What is asked for, with the added keys that it leaves out: an object that exists keeps its values, a new one begins
 * with the initial ones.
 */
export function fillIn(
  asked: Fields,
  stored: Fields | undefined,
  history: KeyHistory,
): Record<string, unknown> {
  const left = Object.keys(history.added).filter((key) => asked[key] === undefined);
  const values = stored ?? valuesOf(history, 'initial');
  return { ...asked, ...Object.fromEntries(left.map((key) => [key, values[key]])) };
}

/** In the canonical order. */
function presentKeys(history: KeyHistory): string[] {
  return [...history.first.map((name) => presentName(name, history)), ...Object.keys(history.added)];
}

function presentName(name: string, { renamed }: KeyHistory): string {
  return Object.keys(renamed).find((key) => renamed[key]!.includes(name)) ?? name;
}

function renameKeys(stored: Fields, history: KeyHistory): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, value]) => [presentName(name, history), value]),
  );
}

function valuesOf({ added }: KeyHistory, which: keyof AddedKey): Record<string, unknown> {
  return Object.fromEntries(Object.entries(added).map(([key, value]) => [key, value[which]]));
}

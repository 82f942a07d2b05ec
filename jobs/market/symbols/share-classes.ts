/*
 * Stockholm and Copenhagen write share classes apart (VOLV B), Bloomberg does not (VOLVB), and a last letter need
 * not be a class (ALFA is Alfa Laval).
 */

// Names that end with one of the letters A to D and have no classes, by Bloomberg's code of the exchange. A name that
// is missing here is still found when candidates are checked: its spelling without a class is the second one.
const WITHOUT_CLASS: Readonly<Record<string, ReadonlySet<string>>> = {
  // Alfa Laval, Lindab, Nobina, Telia
  SS: new Set(['ALFA', 'LIAB', 'NOBINA', 'TELIA']),
  // Alm. Brand, Bavarian Nordic, Genmab, Pandora, Ringkjøbing Landbobank, Sydbank
  DC: new Set(['ALMB', 'BAVA', 'GMAB', 'PNDORA', 'RILBA', 'SYDB']),
};

// A class of a name of two letters, which is too short for the rule: ABB has none.
const SHORT_WITH_CLASS: Readonly<Record<string, ReadonlySet<string>>> = { SS: new Set(['HMB']) };

/** Spellings of a Swedish or Danish name in Yahoo's form, the most likely first. */
export function spellShareClass(name: string, code: string): string[] {
  const receipt = /^([A-Z0-9]{3,})SDB$/.exec(name);
  if (receipt !== null) return [`${receipt[1]}-SDB`, name];
  const split = /^([A-Z][A-Z0-9]+)([A-D])$/.exec(name);
  if (split === null || WITHOUT_CLASS[code]?.has(name) === true) return [name];
  const [, stem = '', letter = ''] = split;
  if (SHORT_WITH_CLASS[code]?.has(name) === true) return [`${stem}-${letter}`];
  return stem.length < 3 ? [name] : [`${stem}-${letter}`, name];
}

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Milliseconds, a text such as `30d`, or null for ever. */
export type Duration = number | string | null;

/**
 * Milliseconds of `500ms`, `90m`, `1.5h`, `30d` or `2w`; undefined for ever. Months and years have no length of their
 * own and are refused, as is what is not above zero: RangeError.
 */
export function parseDuration(duration: Duration): number | undefined {
  if (duration === null) return undefined;
  const ms = typeof duration === 'number' ? duration : readText(duration);
  if (!(ms > 0 && ms < Infinity)) {
    throw new RangeError(
      `duration "${duration}" is not a number above 0 with one of the units ${Object.keys(UNITS_MS).join(', ')}`,
    );
  }
  return ms;
}

function readText(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(text.trim());
  return match === null ? NaN : Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
}

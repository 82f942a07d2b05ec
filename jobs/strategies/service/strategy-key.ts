import { isIsoDate, type IsoDate } from '../../runtime/dates.ts';
import { KeyFormatError } from '../../store/errors.ts';

/** The parts of `NAME|ENVDATE|TAG|HASH`. */
export interface StrategyKey {
  readonly name: string;
  readonly envDate: IsoDate;
  /** Empty so far. */
  readonly dataTag: string;
  /** 32 hexadecimal digits. */
  readonly envHash: string;
}

const MIDNIGHT = 'T00:00:00+00:00';
// The name is whatever the last three fields leave, so it may have any character, even those of a whole key.
const PATTERN = /^([\s\S]+)\|(\d{4}-\d\d-\d\d)T00:00:00\+00:00\|([^|]*)\|([0-9a-f]{32})$/;

/** Writes and reads keys such as `AAPL REINV STRATEGY|2022-01-30T00:00:00+00:00||41160d054edf7f0960015019d902b27e`. */
export const strategyKey = {
  /** Throws KeyFormatError when `parse` would not give the same parts back. */
  generate({
    name,
    envDate,
    dataTag = '',
    envHash,
  }: Omit<StrategyKey, 'dataTag'> & { readonly dataTag?: string }): string {
    const key = `${name}|${envDate}${MIDNIGHT}|${dataTag}|${envHash}`;
    const parsed = strategyKey.parse(key);
    if (parsed.name !== name || parsed.dataTag !== dataTag)
      throw new KeyFormatError(`strategy "${name}" with the tag "${dataTag}" makes no key`);
    return key;
  },

  /** Throws KeyFormatError for anything else than a key. */
  parse(key: string): StrategyKey {
    const [, name, envDate, dataTag, envHash] = PATTERN.exec(key) ?? [];
    if (name === undefined || envHash === undefined || !isIsoDate(envDate!)) {
      throw new KeyFormatError(
        `"${key}" is no key of a strategy; write NAME|YYYY-MM-DDT00:00:00+00:00||HASH with a hash of 32 hexadecimal digits`,
      );
    }
    return { name, envDate: envDate!, dataTag: dataTag!, envHash };
  },

  /** Whether a text is a key and no name. */
  isKey: (text: string): boolean => isIsoDate(PATTERN.exec(text)?.[2] ?? ''),
};

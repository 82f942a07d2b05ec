import type { IsoDate } from '../../runtime/dates.ts';

/** Maturities of the par yield curve in months, as they are called in the cache and in commands. */
export const MATURITIES = {
  ONE_MONTH: 1,
  SIX_WEEK: 1.5,
  TWO_MONTH: 2,
  THREE_MONTH: 3,
  FOUR_MONTH: 4,
  SIX_MONTH: 6,
  ONE_YEAR: 12,
  TWO_YEAR: 24,
  THREE_YEAR: 36,
  FIVE_YEAR: 60,
  SEVEN_YEAR: 84,
  TEN_YEAR: 120,
  TWENTY_YEAR: 240,
  THIRTY_YEAR: 360,
} as const;

export type Maturity = keyof typeof MATURITIES;

export const MATURITY_NAMES = Object.keys(MATURITIES) as Maturity[];

/**
 * Par yields of one day in percent a year, as published: bond-equivalent, compounded twice a year. `null` where the day
 * has no yield of a maturity; a maturity that the source does not have in the whole year is not named.
 */
export interface YieldCurve {
  readonly date: IsoDate;
  readonly percent: ReadonlyMap<Maturity, number | null>;
}

/** Who publishes yields. */
export interface RateProvider {
  readonly name: string;
  /** All curves of a calendar year, ascending by date. Throws StatisticsError when they cannot be had. */
  fetchYear(year: number, signal: AbortSignal): Promise<YieldCurve[]>;
}

/** How a rate is stated. */
export type RateConvention = 'as-published' | 'effective' | 'continuous';

/** What a published yield (percent, compounded twice a year) is as an annual share. */
export function toRate(percent: number, convention: RateConvention): number {
  if (convention === 'effective') return (1 + percent / 200) ** 2 - 1;
  if (convention === 'continuous') return 2 * Math.log1p(percent / 200);
  return percent / 100;
}

/** The maturity of a number of months. */
export function maturityOf(months: number): Maturity | undefined {
  return MATURITY_NAMES.find((name) => MATURITIES[name] === months);
}

import { z } from 'zod';
import { isIsoDate } from '../../runtime/dates.ts';
import { METHODS } from '../estimators/estimate.ts';
import { MATURITY_NAMES } from '../interest/yields.ts';

/* Fields that inputs of several functions have. */

export const date = z.string().refine(isIsoDate, 'is not a date YYYY-MM-DD');
const ticker = z.string().trim().min(1).max(40);
const unique = (tickers: readonly string[]): boolean => new Set(tickers).size === tickers.length;

export const window = { start: date.optional(), end: date.optional() };
export const common = {
  ...window,
  method: z.enum(METHODS).default('moments'),
  weekends: z.boolean().optional(),
  riskFree: z.union([z.number().gt(-1).lt(10), z.enum(MATURITY_NAMES)]).optional(),
  market: ticker.optional(),
};
export const tickers = (least: number) =>
  z.array(ticker).min(least).max(200).refine(unique, 'has a ticker twice');
export const tail = {
  probability: z.number().gt(0).lt(1).default(0.05),
  years: z.number().gt(0).max(100).default(1),
};

import { z } from 'zod';
import {
  conditionalValueAtRisk as conditional,
  valueAtRisk as quantile,
  type TailRisk,
} from '../estimators/value-at-risk.ts';
import type { Statistics } from '../statistics.ts';
import { define, each, mapValues, pricesOf, type Answer } from './definition.ts';
import { common, tail, tickers } from './fields.ts';

export const valueAtRisk = define({
  description: 'value at risk: the price that is kept with a probability, and the loss',
  input: z.strictObject({ ...common, ...tail, tickers: tickers(1) }),
  async run(statistics, input) {
    const { prices, found } = await tailsOf(statistics, input, quantile);
    return { prices, result: mapValues(found, (risk) => describeTail('value_at_risk', risk)) };
  },
});

export const conditionalValueAtRisk = define({
  description: 'conditional value at risk: the mean price below the value at risk, and the loss',
  input: z.strictObject({ ...common, ...tail, tickers: tickers(1) }),
  async run(statistics, input) {
    const { prices, found } = await tailsOf(statistics, input, conditional);
    return { prices, result: mapValues(found, (risk) => describeTail('conditional_value_at_risk', risk)) };
  },
});

async function tailsOf(
  statistics: Statistics,
  { tickers: names, probability, years }: { tickers: string[]; probability: number; years: number },
  compute: typeof quantile,
): Promise<{ prices: Answer['prices']; found: Map<string, TailRisk> }> {
  const own = await each(names, (name) => statistics.own(name, statistics.weekends));
  return {
    prices: pricesOf(own),
    found: new Map([...own].map(([name, one]) => [name, compute(one.last.close, one, probability, years)])),
  };
}

function describeTail(name: string, { level, loss, lossShare }: TailRisk): object {
  return { [name]: level, loss, loss_share: lossShare };
}

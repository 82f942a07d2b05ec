import { rollingBasketClass } from './basket.ts';
import { UnknownStrategyError } from './errors.ts';
import { reinvestmentClass } from './reinvestment.ts';
import type { StrategyClass } from './strategy.ts';

/** All classes of strategies. What was persisted of a type that is not here is refused. */
const CLASSES: readonly StrategyClass[] = [reinvestmentClass, rollingBasketClass(strategyClass)];

/** The class of a type. Throws UnknownStrategyError when there is none. */
export function strategyClass(type: string): StrategyClass {
  const found = CLASSES.find((one) => one.type === type);
  if (found === undefined) {
    throw new UnknownStrategyError(
      `strategy type "${type}" is not known; choose ${CLASSES.map((one) => one.type).join(', ')}`,
    );
  }
  return found;
}

/** Version of the mathematics of each class, by type. */
export function typeVersions(): Readonly<Record<string, number>> {
  return Object.fromEntries(CLASSES.map(({ type, typeVersion }) => [type, typeVersion]));
}

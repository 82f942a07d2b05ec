import type { TieredCache } from '../../jobs/store/tiered-cache.ts';
import { workspaceFolder, type Workspace } from '../../jobs/store/workspace.ts';
import type { StrategyContext } from '../../jobs/strategies/context.ts';
import { strategyClass } from '../../jobs/strategies/registry.ts';
import {
  StrategyService,
  type StrategyServiceOptions,
} from '../../jobs/strategies/service/strategy-service.ts';
import { getSingleStockStrategy } from '../../jobs/strategies/single-stock.ts';
import type { Strategy } from '../../jobs/strategies/strategy.ts';
import { TEAM } from './caches.ts';
import { contextOf } from './strategies.ts';

export const ENV_DATE = '2022-01-30';
export const HASH = '41160d054edf7f0960015019d902b27e';
export const OTHER_HASH = '07f24d6b1ef83e37aeb5dc5443ff48aa';
export const TICKERS = ['AAPL', 'MSFT', 'NFLX', 'CSCO'] as const;

/** Made-up stocks of five dates. */
function stocks(envDate = ENV_DATE): StrategyContext {
  const closes = [50, 51, 49.5, 50, 52];
  return contextOf(
    Object.fromEntries(
      [...TICKERS, 'AAPLX'].map((ticker, index) => [
        ticker,
        { close: closes.map((close) => close + index / 3), dividend: { 2: 0.5 } },
      ]),
    ),
    { envDate },
  );
}

export function stockOf(ticker: string, envDate = ENV_DATE): Strategy {
  return getSingleStockStrategy({ exchangeTicker: ticker }, stocks(envDate));
}

export function built(ticker: string): Promise<Strategy> {
  return stockOf(ticker).build();
}

/** The strategy service of a process whose environment has a date and a hash. */
export function serviceOf(
  cache: TieredCache,
  {
    workspace = TEAM,
    envHash = HASH,
    ...over
  }: Partial<Omit<StrategyServiceOptions, 'envHash'>> & { workspace?: Workspace; envHash?: string } = {},
): StrategyService {
  return new StrategyService({
    cache,
    folder: workspaceFolder(workspace, 'strategies'),
    creator: 'tester',
    envDate: ENV_DATE,
    envHash: async () => envHash,
    contextOf: async (envDate) => stocks(envDate),
    classOf: strategyClass,
    ...over,
  });
}

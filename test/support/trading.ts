import { decimal } from '../../jobs/trading/domain/decimal.ts';
import type { AccountState } from '../../jobs/trading/domain/account.ts';
import type { Currency } from '../../jobs/trading/domain/currency.ts';
import type { Instrument } from '../../jobs/trading/domain/instrument.ts';
import { money } from '../../jobs/trading/domain/money.ts';
import type {
  OrderEvent,
  OrderFilled,
  OrderInitialized,
  OrderOptions,
} from '../../jobs/trading/domain/order-event.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import type { Position } from '../../jobs/trading/domain/position.ts';
import type { SyntheticInstrument } from '../../jobs/trading/domain/synthetic.ts';

/* Things to trade with, and what happens to them. Ids of events and times count up, so that no two are the same. */

export const TRADER = 'TESTER-000';
/** A time that a double cannot hold. */
export const START = 1763692800123456789n;

let count = 0n;

function header(
  clientOrderId: string,
): Pick<
  OrderEvent,
  | 'traderId'
  | 'strategyId'
  | 'instrumentId'
  | 'clientOrderId'
  | 'eventId'
  | 'tsEvent'
  | 'tsInit'
  | 'reconciliation'
> {
  count += 1n;
  return {
    traderId: TRADER,
    strategyId: 'S-001',
    instrumentId: AUDUSD.id,
    clientOrderId,
    eventId: `00000000-0000-4000-8000-${count.toString().padStart(12, '0')}`,
    tsEvent: START + count,
    tsInit: START + count + 1n,
    reconciliation: false,
  };
}

export const AUD: Currency = {
  code: 'AUD',
  precision: 2,
  iso4217: 36,
  name: 'Australian dollar',
  currencyType: 'FIAT',
};

export const AUDUSD: Instrument = {
  type: 'CurrencyPair',
  id: 'AUD/USD.SIM',
  rawSymbol: 'AUD/USD',
  baseCurrency: 'AUD',
  quoteCurrency: 'USD',
  settlementCurrency: 'USD',
  isInverse: false,
  pricePrecision: 5,
  priceIncrement: decimal('0.00001'),
  sizePrecision: 0,
  sizeIncrement: decimal('1'),
  multiplier: decimal('1'),
  lotSize: decimal('1000'),
  maxQuantity: decimal('10000000'),
  minQuantity: decimal('1000'),
  maxNotional: money('50000000.00 USD'),
  minNotional: null,
  maxPrice: null,
  minPrice: null,
  marginInit: decimal('0.03'),
  marginMaint: decimal('0.03'),
  makerFee: decimal('0.00002'),
  takerFee: decimal('0.00002'),
  info: { venue: 'simulated', nested: { list: [1, 'two', null] } },
  tsEvent: START,
  tsInit: START,
  details: { tick_scheme_name: 'FOREX_5DECIMAL' },
};

export const SYNTHETIC: SyntheticInstrument = {
  symbol: 'BTC-ETH',
  pricePrecision: 8,
  components: ['BTCUSDT.BINANCE', 'ETHUSDT.BINANCE'],
  formula: '(BTCUSDT.BINANCE + ETHUSDT.BINANCE) / 2',
  tsEvent: START,
  tsInit: START,
};

export function accountState(total: string, id = 'SIM-000'): AccountState {
  const { eventId, tsEvent, tsInit } = header('');
  return {
    type: 'AccountState',
    accountId: id,
    accountType: 'MARGIN',
    baseCurrency: 'USD',
    reported: true,
    balances: [{ currency: 'USD', total: decimal(total), locked: decimal('0.00'), free: decimal(total) }],
    margins: [
      { currency: 'USD', initial: decimal('1.00'), maintenance: decimal('2.00'), instrumentId: AUDUSD.id },
    ],
    info: { source: 'test' },
    eventId,
    tsEvent,
    tsInit,
  };
}

const NO_OPTIONS: OrderOptions = {
  price: null,
  triggerPrice: null,
  triggerType: null,
  expireTimeNs: null,
  displayQty: null,
  limitOffset: null,
  trailingOffset: null,
  trailingOffsetType: null,
};

export function initialized(
  id: string,
  changes: Partial<Omit<OrderInitialized, 'options'>> & { options?: Partial<OrderOptions> } = {},
): OrderInitialized {
  return {
    ...header(id),
    type: 'OrderInitialized',
    orderSide: 'BUY',
    orderType: 'MARKET',
    quantity: decimal('100000'),
    timeInForce: 'GTC',
    postOnly: false,
    reduceOnly: false,
    quoteQuantity: false,
    emulationTrigger: 'NO_TRIGGER',
    triggerInstrumentId: null,
    contingencyType: 'NO_CONTINGENCY',
    orderListId: null,
    linkedOrderIds: null,
    parentOrderId: null,
    execAlgorithmId: null,
    execAlgorithmParams: null,
    execSpawnId: null,
    tags: null,
    ...changes,
    options: { ...NO_OPTIONS, ...changes.options },
  };
}

/** Fields of events beyond the header, as they are unless a test says otherwise. */
const BODIES = {
  OrderDenied: { reason: 'risk' },
  OrderEmulated: {},
  OrderReleased: { releasedPrice: decimal('0.80000') },
  OrderSubmitted: { accountId: 'SIM-000' },
  OrderRejected: { accountId: 'SIM-000', reason: 'closed' },
  OrderAccepted: { venueOrderId: 'V-1', accountId: 'SIM-000' },
  OrderPendingUpdate: { venueOrderId: 'V-1', accountId: 'SIM-000' },
  OrderPendingCancel: { venueOrderId: 'V-1', accountId: 'SIM-000' },
  OrderTriggered: { venueOrderId: 'V-1', accountId: 'SIM-000' },
  OrderExpired: { venueOrderId: 'V-1', accountId: 'SIM-000' },
  OrderCanceled: { venueOrderId: 'V-1', accountId: 'SIM-000' },
  OrderModifyRejected: { venueOrderId: 'V-1', accountId: 'SIM-000', reason: 'too late' },
  OrderCancelRejected: { venueOrderId: 'V-1', accountId: 'SIM-000', reason: 'too late' },
  OrderUpdated: {
    venueOrderId: 'V-1',
    accountId: 'SIM-000',
    quantity: decimal('120000'),
    price: decimal('0.80100'),
    triggerPrice: null,
  },
} as const;

export type Happening = keyof typeof BODIES;
export const HAPPENINGS = Object.keys(BODIES) as Happening[];

/** Something that happens to an order, but is no fill. */
export function event(id: string, type: Happening, changes: Record<string, unknown> = {}): OrderEvent {
  return { ...header(id), type, ...BODIES[type], ...changes } as OrderEvent;
}

/** A fill of an order; with `positionId` also one of a position. */
export function filled(id: string, qty: string, px: string, changes: Partial<OrderFilled> = {}): OrderFilled {
  const start = header(id);
  return {
    ...start,
    type: 'OrderFilled',
    venueOrderId: 'V-1',
    accountId: 'SIM-000',
    tradeId: `E-${start.eventId.slice(-12)}`,
    positionId: null,
    orderSide: 'BUY',
    orderType: 'MARKET',
    lastQty: decimal(qty),
    lastPx: decimal(px),
    currency: 'USD',
    commission: null,
    liquiditySide: 'TAKER',
    info: null,
    ...changes,
  };
}

/** A fill of the position P-1. */
export function traded(side: 'BUY' | 'SELL', qty: string, px: string, commission?: string): OrderFilled {
  return filled(`O-${side}`, qty, px, {
    positionId: 'P-1',
    orderSide: side,
    commission: commission === undefined ? null : money(`${commission} USD`),
  });
}

/** An order after these events. */
export function orderAfter(id: string, ...types: Happening[]): Order {
  const order = new Order(initialized(id));
  for (const type of types) order.apply(event(id, type));
  return order;
}

/** All there is to know about an order or a position, to compare it with another. */
export function contents(item: Order | Position | undefined): unknown {
  return item && { state: item.state, events: [...item.events] };
}

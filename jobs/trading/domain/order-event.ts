import type { Decimal } from './decimal.ts';
import type { JsonObject } from './instrument.ts';
import type { Money } from './money.ts';
import type { Nanoseconds } from './nanoseconds.ts';

/*
 * What can happen to an order. Fields that can be absent are null, so that an event read back equals the one
 * that was written.
 */

export const ORDER_SIDES = ['BUY', 'SELL'] as const;
export type OrderSide = (typeof ORDER_SIDES)[number];

export const ORDER_TYPES = [
  'MARKET',
  'LIMIT',
  'STOP_MARKET',
  'STOP_LIMIT',
  'MARKET_TO_LIMIT',
  'MARKET_IF_TOUCHED',
  'LIMIT_IF_TOUCHED',
  'TRAILING_STOP_MARKET',
  'TRAILING_STOP_LIMIT',
] as const;
export type OrderType = (typeof ORDER_TYPES)[number];

export const TIMES_IN_FORCE = ['GTC', 'IOC', 'FOK', 'GTD', 'DAY', 'AT_THE_OPEN', 'AT_THE_CLOSE'] as const;

export const LIQUIDITY_SIDES = ['MAKER', 'TAKER', 'NO_LIQUIDITY_SIDE'] as const;

export const NO_TRIGGER = 'NO_TRIGGER';

interface EventHeader {
  readonly traderId: string;
  readonly strategyId: string;
  readonly instrumentId: string;
  readonly clientOrderId: string;
  /** Unique among all events. */
  readonly eventId: string;
  /** When it happened. */
  readonly tsEvent: Nanoseconds;
  /** When the object was made. */
  readonly tsInit: Nanoseconds;
  /** Made while reconciling with the venue. */
  readonly reconciliation: boolean;
}

/** What an order type asks for beyond quantity and side. */
export interface OrderOptions {
  readonly price: Decimal | null;
  readonly triggerPrice: Decimal | null;
  readonly triggerType: string | null;
  readonly expireTimeNs: Nanoseconds | null;
  readonly displayQty: Decimal | null;
  readonly limitOffset: Decimal | null;
  readonly trailingOffset: Decimal | null;
  readonly trailingOffsetType: string | null;
}

/** The first event of every order. A later one changes the type of an order that has not left the house. */
export interface OrderInitialized extends EventHeader {
  readonly type: 'OrderInitialized';
  readonly orderSide: OrderSide;
  readonly orderType: OrderType;
  readonly quantity: Decimal;
  readonly timeInForce: (typeof TIMES_IN_FORCE)[number];
  readonly postOnly: boolean;
  readonly reduceOnly: boolean;
  readonly quoteQuantity: boolean;
  readonly options: OrderOptions;
  /** The price that triggers an order emulated here; NO_TRIGGER for none. */
  readonly emulationTrigger: string;
  readonly triggerInstrumentId: string | null;
  readonly contingencyType: string | null;
  readonly orderListId: string | null;
  readonly linkedOrderIds: readonly string[] | null;
  readonly parentOrderId: string | null;
  readonly execAlgorithmId: string | null;
  readonly execAlgorithmParams: JsonObject | null;
  readonly execSpawnId: string | null;
  readonly tags: readonly string[] | null;
}

interface AtVenue {
  readonly venueOrderId: string | null;
  readonly accountId: string | null;
}

export interface OrderDenied extends EventHeader {
  readonly type: 'OrderDenied';
  readonly reason: string;
}

export interface OrderEmulated extends EventHeader {
  readonly type: 'OrderEmulated';
}

export interface OrderReleased extends EventHeader {
  readonly type: 'OrderReleased';
  readonly releasedPrice: Decimal | null;
}

export interface OrderSubmitted extends EventHeader {
  readonly type: 'OrderSubmitted';
  readonly accountId: string | null;
}

export interface OrderRejected extends EventHeader {
  readonly type: 'OrderRejected';
  readonly accountId: string | null;
  readonly reason: string;
}

/** Events that carry the venue's id of the order and nothing else. */
export interface OrderVenueEvent extends EventHeader, AtVenue {
  readonly type:
    | 'OrderAccepted'
    | 'OrderPendingUpdate'
    | 'OrderPendingCancel'
    | 'OrderTriggered'
    | 'OrderExpired'
    | 'OrderCanceled';
}

export interface OrderRefusal extends EventHeader, AtVenue {
  readonly type: 'OrderModifyRejected' | 'OrderCancelRejected';
  readonly reason: string;
}

export interface OrderUpdated extends EventHeader, AtVenue {
  readonly type: 'OrderUpdated';
  readonly quantity: Decimal;
  readonly price: Decimal | null;
  readonly triggerPrice: Decimal | null;
}

export interface OrderFilled extends EventHeader {
  readonly type: 'OrderFilled';
  readonly venueOrderId: string;
  readonly accountId: string;
  /** Unique among the fills of an order. */
  readonly tradeId: string;
  readonly positionId: string | null;
  readonly orderSide: OrderSide;
  readonly orderType: OrderType;
  readonly lastQty: Decimal;
  readonly lastPx: Decimal;
  /** Currency of the price. */
  readonly currency: string;
  readonly commission: Money | null;
  readonly liquiditySide: (typeof LIQUIDITY_SIDES)[number];
  readonly info: JsonObject | null;
}

export type OrderEvent =
  | OrderInitialized
  | OrderDenied
  | OrderEmulated
  | OrderReleased
  | OrderSubmitted
  | OrderRejected
  | OrderVenueEvent
  | OrderRefusal
  | OrderUpdated
  | OrderFilled;

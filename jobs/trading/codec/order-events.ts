import {
  LIQUIDITY_SIDES,
  NO_TRIGGER,
  ORDER_SIDES,
  ORDER_TYPES,
  TIMES_IN_FORCE,
  type OrderDenied,
  type OrderEmulated,
  type OrderEvent,
  type OrderFilled,
  type OrderInitialized,
  type OrderOptions,
  type OrderRefusal,
  type OrderRejected,
  type OrderReleased,
  type OrderSubmitted,
  type OrderUpdated,
  type OrderVenueEvent,
} from '../domain/order-event.ts';
import {
  amount,
  decimalNumber,
  flag,
  json,
  nanoseconds,
  nested,
  nullable,
  oneOf,
  text,
  texts,
  withDefault,
  type Kind,
} from './kinds.ts';
import { record } from './record.ts';

const header = {
  traderId: text,
  strategyId: text,
  instrumentId: text,
  clientOrderId: text,
  eventId: text,
  tsEvent: nanoseconds,
  tsInit: nanoseconds,
  reconciliation: flag,
};

const atVenue = { venueOrderId: nullable(text), accountId: nullable(text) };

const options = record<OrderOptions>({
  price: nullable(decimalNumber),
  triggerPrice: nullable(decimalNumber),
  triggerType: nullable(text),
  expireTimeNs: nullable(nanoseconds),
  displayQty: nullable(decimalNumber),
  limitOffset: nullable(decimalNumber),
  trailingOffset: nullable(decimalNumber),
  trailingOffsetType: nullable(text),
});

function venueEvent(type: OrderVenueEvent['type']): Kind<OrderVenueEvent> {
  return record<OrderVenueEvent>({ type: oneOf([type]), ...header, ...atVenue });
}

function refusal(type: OrderRefusal['type']): Kind<OrderRefusal> {
  return record<OrderRefusal>({ type: oneOf([type]), ...header, ...atVenue, reason: text });
}

const initialized = record<OrderInitialized>({
  type: oneOf(['OrderInitialized']),
  ...header,
  orderSide: oneOf(ORDER_SIDES),
  orderType: oneOf(ORDER_TYPES),
  quantity: decimalNumber,
  timeInForce: oneOf(TIMES_IN_FORCE),
  postOnly: flag,
  reduceOnly: flag,
  quoteQuantity: flag,
  options: nested(options),
  emulationTrigger: withDefault(text, NO_TRIGGER),
  triggerInstrumentId: nullable(text),
  contingencyType: nullable(text),
  orderListId: nullable(text),
  linkedOrderIds: nullable(texts),
  parentOrderId: nullable(text),
  execAlgorithmId: nullable(text),
  execAlgorithmParams: nullable(json),
  execSpawnId: nullable(text),
  tags: nullable(texts),
});

const filled = record<OrderFilled>({
  type: oneOf(['OrderFilled']),
  ...header,
  venueOrderId: text,
  accountId: text,
  tradeId: text,
  positionId: nullable(text),
  orderSide: oneOf(ORDER_SIDES),
  orderType: oneOf(ORDER_TYPES),
  lastQty: decimalNumber,
  lastPx: decimalNumber,
  currency: text,
  commission: nullable(amount),
  liquiditySide: withDefault(oneOf(LIQUIDITY_SIDES), 'NO_LIQUIDITY_SIDE'),
  info: nullable(json),
});

/** The interface of the events with one type. */
type EventOf<T extends OrderEvent['type'], E = OrderEvent> = E extends { readonly type: infer U }
  ? T extends U
    ? E
    : never
  : never;

const RECORDS: { readonly [T in OrderEvent['type']]: Kind<EventOf<T>> } = {
  OrderInitialized: initialized,
  OrderDenied: record<OrderDenied>({ type: oneOf(['OrderDenied']), ...header, reason: text }),
  OrderEmulated: record<OrderEmulated>({ type: oneOf(['OrderEmulated']), ...header }),
  OrderReleased: record<OrderReleased>({
    type: oneOf(['OrderReleased']),
    ...header,
    releasedPrice: nullable(decimalNumber),
  }),
  OrderSubmitted: record<OrderSubmitted>({
    type: oneOf(['OrderSubmitted']),
    ...header,
    accountId: nullable(text),
  }),
  OrderRejected: record<OrderRejected>({
    type: oneOf(['OrderRejected']),
    ...header,
    accountId: nullable(text),
    reason: text,
  }),
  OrderAccepted: venueEvent('OrderAccepted'),
  OrderPendingUpdate: venueEvent('OrderPendingUpdate'),
  OrderPendingCancel: venueEvent('OrderPendingCancel'),
  OrderTriggered: venueEvent('OrderTriggered'),
  OrderExpired: venueEvent('OrderExpired'),
  OrderCanceled: venueEvent('OrderCanceled'),
  OrderModifyRejected: refusal('OrderModifyRejected'),
  OrderCancelRejected: refusal('OrderCancelRejected'),
  OrderUpdated: record<OrderUpdated>({
    type: oneOf(['OrderUpdated']),
    ...header,
    ...atVenue,
    quantity: decimalNumber,
    price: nullable(decimalNumber),
    triggerPrice: nullable(decimalNumber),
  }),
  OrderFilled: filled,
};

/** Every event of an order, told apart by `type`. */
export const orderEvent: Kind<OrderEvent> = {
  encode: (event, format) => (RECORDS[event.type] as unknown as Kind<OrderEvent>).encode(event, format),
  decode(value) {
    const map = value as Record<string, unknown>;
    const type = map?.['type'];
    if (typeof type !== 'string' || !Object.hasOwn(RECORDS, type)) {
      throw new RangeError(`type "${String(type)}" is no event of an order`);
    }
    // Events that are made here happen when they are made: old writers leave one of the times out.
    return RECORDS[type as OrderEvent['type']].decode({
      ...map,
      ts_event: map['ts_event'] ?? map['ts_init'],
    });
  },
};

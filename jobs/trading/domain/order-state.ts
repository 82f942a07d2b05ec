import { InvalidTransitionError } from '../errors.ts';
import { add, compare, divide, max, multiply, subtract, ZERO, type Decimal } from './decimal.ts';
import { addMoney, type Money } from './money.ts';
import type { Nanoseconds } from './nanoseconds.ts';
import {
  NO_TRIGGER,
  type OrderEvent,
  type OrderFilled,
  type OrderInitialized,
  type OrderOptions,
  type OrderSide,
  type OrderType,
} from './order-event.ts';
import {
  isClosedStatus,
  isInflightStatus,
  isOpenStatus,
  isPendingStatus,
  nextStatus,
  type OrderStatus,
} from './order-status.ts';

/** What the events so far have made of an order. */
export interface OrderState {
  readonly clientOrderId: string;
  readonly traderId: string;
  readonly strategyId: string;
  readonly instrumentId: string;
  readonly venueOrderId: string | null;
  readonly accountId: string | null;
  readonly positionId: string | null;
  readonly lastTradeId: string | null;
  readonly status: OrderStatus;
  /** The last status that was not a pending one. */
  readonly restingStatus: OrderStatus;
  readonly orderSide: OrderSide;
  readonly orderType: OrderType;
  readonly timeInForce: OrderInitialized['timeInForce'];
  readonly quantity: Decimal;
  readonly filledQty: Decimal;
  /** What is still to be filled, 0 or more. */
  readonly leavesQty: Decimal;
  /** What was filled beyond the quantity, 0 or more. */
  readonly overfillQty: Decimal;
  /** Sum of price times quantity of all fills, exact. */
  readonly filledValue: Decimal;
  /** filledValue / filledQty, null before the first fill. */
  readonly avgPx: Decimal | null;
  readonly options: OrderOptions;
  readonly emulationTrigger: string;
  readonly execAlgorithmId: string | null;
  readonly execAlgorithmParams: OrderInitialized['execAlgorithmParams'];
  /** One sum per currency. */
  readonly commissions: readonly Money[];
  readonly tsInit: Nanoseconds;
  readonly tsLast: Nanoseconds;
  readonly tsSubmitted: Nanoseconds | null;
  readonly tsAccepted: Nanoseconds | null;
  readonly tsClosed: Nanoseconds | null;
}

/** Held back here until a price triggers it. */
export function isEmulated({ emulationTrigger, status }: OrderState): boolean {
  return emulationTrigger !== NO_TRIGGER && !isClosedStatus(status);
}

/** At work at the venue. */
export function isOpen(state: OrderState): boolean {
  return isOpenStatus(state.status) && !isEmulated(state);
}

/** An answer of the venue is on its way. */
export function isInflight(state: OrderState): boolean {
  return isInflightStatus(state.status) && !isEmulated(state);
}

export function createOrderState(event: OrderInitialized): OrderState {
  requireQuantity(event);
  return {
    clientOrderId: event.clientOrderId,
    traderId: event.traderId,
    strategyId: event.strategyId,
    instrumentId: event.instrumentId,
    venueOrderId: null,
    accountId: null,
    positionId: null,
    lastTradeId: null,
    status: 'INITIALIZED',
    restingStatus: 'INITIALIZED',
    orderSide: event.orderSide,
    orderType: event.orderType,
    timeInForce: event.timeInForce,
    quantity: event.quantity,
    filledQty: ZERO,
    leavesQty: event.quantity,
    overfillQty: ZERO,
    filledValue: ZERO,
    avgPx: null,
    options: event.options,
    emulationTrigger: event.emulationTrigger,
    execAlgorithmId: event.execAlgorithmId,
    execAlgorithmParams: event.execAlgorithmParams,
    commissions: [],
    tsInit: event.tsInit,
    tsLast: event.tsEvent,
    tsSubmitted: null,
    tsAccepted: null,
    tsClosed: null,
  };
}

function requireQuantity({ clientOrderId, quantity }: { clientOrderId: string; quantity: Decimal }): void {
  if (compare(quantity, ZERO) <= 0) throw new RangeError(`order "${clientOrderId}" needs a quantity above 0`);
}

/**
 * The state after one more event. Throws RangeError when the event is of another order or has an impossible quantity, and
 * InvalidTransitionError when the present status does not allow it. Whether a trade was seen before is for the caller to know.
 */
export function nextOrderState(state: OrderState, event: OrderEvent): OrderState {
  requireSameOrder(state, event);
  const filledQty = event.type === 'OrderFilled' ? add(state.filledQty, event.lastQty) : state.filledQty;
  const status = nextStatus(
    state.status,
    state.restingStatus,
    event.type,
    compare(filledQty, state.quantity) >= 0,
  );
  return {
    ...state,
    ...changesOf(state, event),
    status,
    restingStatus: isPendingStatus(status) ? state.restingStatus : status,
    tsLast: event.tsEvent,
    tsClosed: isClosedStatus(status) ? (state.tsClosed ?? event.tsEvent) : null,
  };
}

function requireSameOrder(state: OrderState, event: OrderEvent): void {
  if (event.clientOrderId !== state.clientOrderId) {
    throw new RangeError(
      `${event.type} of order "${event.clientOrderId}" cannot be applied to "${state.clientOrderId}"`,
    );
  }
  const venueOrderId = 'venueOrderId' in event ? event.venueOrderId : null;
  // A venue may give an order that is changed another id.
  const mayDiffer = state.venueOrderId === null || venueOrderId === null || event.type === 'OrderUpdated';
  if (!mayDiffer && venueOrderId !== state.venueOrderId) {
    throw new RangeError(
      `${event.type} has venue order id "${venueOrderId}", but "${state.clientOrderId}" is "${state.venueOrderId}"`,
    );
  }
}

function changesOf(state: OrderState, event: OrderEvent): Partial<OrderState> {
  switch (event.type) {
    case 'OrderInitialized':
      return transform(state, event);
    case 'OrderReleased':
      return { emulationTrigger: NO_TRIGGER };
    case 'OrderSubmitted':
      return { accountId: event.accountId ?? state.accountId, tsSubmitted: event.tsEvent };
    case 'OrderRejected':
      return { accountId: event.accountId ?? state.accountId };
    case 'OrderAccepted':
      return { ...venueIds(state, event), tsAccepted: event.tsEvent };
    case 'OrderUpdated':
      requireQuantity(event);
      return {
        ...venueIds(state, event),
        quantity: event.quantity,
        ...quantities(event.quantity, state.filledQty),
        options: {
          ...state.options,
          price: event.price ?? state.options.price,
          triggerPrice: event.triggerPrice ?? state.options.triggerPrice,
        },
      };
    case 'OrderFilled':
      return fill(state, event);
    case 'OrderDenied':
    case 'OrderEmulated':
      return {};
    default:
      return venueIds(state, event);
  }
}

function venueIds(
  state: OrderState,
  event: { venueOrderId: string | null; accountId: string | null },
): Partial<OrderState> {
  return {
    venueOrderId: event.venueOrderId ?? state.venueOrderId,
    accountId: event.accountId ?? state.accountId,
  };
}

function quantities(quantity: Decimal, filledQty: Decimal): Pick<OrderState, 'leavesQty' | 'overfillQty'> {
  return {
    leavesQty: max(subtract(quantity, filledQty), ZERO),
    overfillQty: max(subtract(filledQty, quantity), ZERO),
  };
}

function fill(state: OrderState, event: OrderFilled): Partial<OrderState> {
  if (compare(event.lastQty, ZERO) <= 0) {
    throw new RangeError(`fill "${event.tradeId}" of order "${state.clientOrderId}" has no quantity`);
  }
  if (event.orderSide !== state.orderSide) {
    throw new RangeError(
      `fill "${event.tradeId}" is a ${event.orderSide}, but order "${state.clientOrderId}" is a ${state.orderSide}`,
    );
  }
  const filledQty = add(state.filledQty, event.lastQty);
  const filledValue = add(state.filledValue, multiply(event.lastPx, event.lastQty));
  return {
    venueOrderId: event.venueOrderId,
    accountId: event.accountId,
    positionId: event.positionId ?? state.positionId,
    lastTradeId: event.tradeId,
    filledQty,
    ...quantities(state.quantity, filledQty),
    filledValue,
    avgPx: divide(filledValue, filledQty),
    commissions:
      event.commission === null ? state.commissions : addMoney(state.commissions, event.commission),
  };
}

function transform(state: OrderState, event: OrderInitialized): Partial<OrderState> {
  if (event.orderType !== 'MARKET' && event.orderType !== 'LIMIT') {
    throw new InvalidTransitionError(
      `order "${state.clientOrderId}" can become MARKET or LIMIT, not ${event.orderType}`,
    );
  }
  requireQuantity(event);
  return {
    orderType: event.orderType,
    timeInForce: event.timeInForce,
    quantity: event.quantity,
    ...quantities(event.quantity, state.filledQty),
    options: event.options,
    emulationTrigger: event.emulationTrigger,
  };
}

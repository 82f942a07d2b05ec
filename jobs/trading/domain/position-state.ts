import { abs, add, compare, divide, max, multiply, negate, subtract, ZERO, type Decimal } from './decimal.ts';
import type { Instrument } from './instrument.ts';
import { addMoney, type Money } from './money.ts';
import type { Nanoseconds } from './nanoseconds.ts';
import type { OrderFilled, OrderSide } from './order-event.ts';

/** One cycle of a position: from the fill that opened it to the one that made it flat. */
export interface PositionState {
  readonly positionId: string;
  readonly traderId: string;
  readonly strategyId: string;
  readonly instrumentId: string;
  readonly accountId: string;
  readonly openingOrderId: string;
  readonly closingOrderId: string | null;
  /** Side of the fill that opened it. */
  readonly entry: OrderSide;
  readonly side: 'LONG' | 'SHORT' | 'FLAT';
  /** Negative for SHORT. */
  readonly signedQty: Decimal;
  readonly quantity: Decimal;
  readonly peakQty: Decimal;
  readonly buyQty: Decimal;
  readonly sellQty: Decimal;
  /** Price times quantity of what is open. */
  readonly openValue: Decimal;
  /** Kept when the position is reduced or closed. */
  readonly avgPxOpen: Decimal;
  readonly closedQty: Decimal;
  /** Price times quantity of what was closed, at the closing prices. */
  readonly closedValue: Decimal;
  readonly avgPxClose: Decimal | null;
  readonly quoteCurrency: string;
  readonly baseCurrency: string | null;
  readonly settlementCurrency: string;
  /** Profit of what was closed, less commissions in the settlement currency. Not rounded to the currency. */
  readonly realizedPnl: Money;
  /** (avgPxClose - avgPxOpen) / avgPxOpen, with the sign of a profit. */
  readonly realizedReturn: Decimal;
  /** One sum per currency. */
  readonly commissions: readonly Money[];
  readonly tsInit: Nanoseconds;
  readonly tsOpened: Nanoseconds;
  readonly tsLast: Nanoseconds;
  readonly tsClosed: Nanoseconds | null;
}

/** The terms of an instrument that profits depend on. */
type Terms = Pick<Instrument, 'multiplier' | 'isInverse'>;

export function openPositionState(
  instrument: Instrument,
  fill: OrderFilled,
  positionId: string,
): PositionState {
  const signedQty = signedQuantity(fill);
  const isBuy = fill.orderSide === 'BUY';
  return {
    positionId,
    traderId: fill.traderId,
    strategyId: fill.strategyId,
    instrumentId: fill.instrumentId,
    accountId: fill.accountId,
    openingOrderId: fill.clientOrderId,
    closingOrderId: null,
    entry: fill.orderSide,
    side: isBuy ? 'LONG' : 'SHORT',
    signedQty,
    quantity: fill.lastQty,
    peakQty: fill.lastQty,
    buyQty: isBuy ? fill.lastQty : ZERO,
    sellQty: isBuy ? ZERO : fill.lastQty,
    openValue: multiply(fill.lastPx, fill.lastQty),
    avgPxOpen: fill.lastPx,
    closedQty: ZERO,
    closedValue: ZERO,
    avgPxClose: null,
    quoteCurrency: instrument.quoteCurrency,
    baseCurrency: instrument.baseCurrency,
    settlementCurrency: instrument.settlementCurrency,
    realizedPnl: {
      amount: negate(costOf(fill, instrument.settlementCurrency)),
      currency: instrument.settlementCurrency,
    },
    realizedReturn: ZERO,
    commissions: fill.commission === null ? [] : [fill.commission],
    tsInit: fill.tsInit,
    tsOpened: fill.tsEvent,
    tsLast: fill.tsEvent,
    tsClosed: null,
  };
}

/** The state after a fill that adds to the position, reduces it, or makes it flat, but does not turn it. */
export function nextPositionState(state: PositionState, fill: OrderFilled, terms: Terms): PositionState {
  const isBuy = fill.orderSide === 'BUY';
  const signedQty = add(state.signedQty, signedQuantity(fill));
  const quantity = abs(signedQty);
  const isFlat = quantity.units === 0n;
  const moved =
    fill.orderSide === state.entry ? extend(state, fill, quantity) : reduce(state, fill, terms, isFlat);
  const { amount, currency } = state.realizedPnl;
  return {
    ...state,
    ...moved.changes,
    side: isFlat ? 'FLAT' : state.side,
    signedQty,
    quantity,
    peakQty: max(state.peakQty, quantity),
    buyQty: isBuy ? add(state.buyQty, fill.lastQty) : state.buyQty,
    sellQty: isBuy ? state.sellQty : add(state.sellQty, fill.lastQty),
    realizedPnl: { amount: subtract(add(amount, moved.profit), costOf(fill, currency)), currency },
    commissions: fill.commission === null ? state.commissions : addMoney(state.commissions, fill.commission),
    closingOrderId: isFlat ? fill.clientOrderId : null,
    tsLast: fill.tsEvent,
    tsClosed: isFlat ? fill.tsEvent : null,
  };
}

interface Move {
  readonly changes: Partial<PositionState>;
  readonly profit: Decimal;
}

function extend(state: PositionState, fill: OrderFilled, quantity: Decimal): Move {
  const openValue = add(state.openValue, multiply(fill.lastPx, fill.lastQty));
  return { changes: { openValue, avgPxOpen: divide(openValue, quantity) }, profit: ZERO };
}

function reduce(state: PositionState, fill: OrderFilled, terms: Terms, isFlat: boolean): Move {
  const value = multiply(fill.lastPx, fill.lastQty);
  // What is closed takes its share of the value along; the last part takes all, so that nothing is lost in rounding.
  const share = isFlat ? state.openValue : divide(multiply(state.openValue, fill.lastQty), state.quantity);
  const isLong = state.entry === 'BUY';
  const gain = terms.isInverse ? inverseGain(state.avgPxOpen, fill) : subtract(value, share);
  const closedQty = add(state.closedQty, fill.lastQty);
  const closedValue = add(state.closedValue, value);
  const avgPxClose = divide(closedValue, closedQty);
  const change = subtract(avgPxClose, state.avgPxOpen);
  return {
    changes: {
      openValue: subtract(state.openValue, share),
      closedQty,
      closedValue,
      avgPxClose,
      realizedReturn:
        state.avgPxOpen.units === 0n ? ZERO : divide(isLong ? change : negate(change), state.avgPxOpen),
    },
    profit: multiply(isLong ? gain : negate(gain), terms.multiplier),
  };
}

/** Profit of a long position in the base currency: quantity * (1 / open - 1 / close). */
function inverseGain(open: Decimal, { lastPx, lastQty }: OrderFilled): Decimal {
  return divide(multiply(lastQty, subtract(lastPx, open)), multiply(open, lastPx));
}

function signedQuantity({ orderSide, lastQty }: OrderFilled): Decimal {
  return orderSide === 'BUY' ? lastQty : negate(lastQty);
}

function costOf({ commission }: OrderFilled, currency: string): Decimal {
  return commission?.currency === currency ? commission.amount : ZERO;
}

/** Whether the fill is larger than the position and of the other side. */
export function turns(state: PositionState, fill: OrderFilled): boolean {
  return fill.orderSide !== state.entry && compare(fill.lastQty, state.quantity) > 0;
}

import { DuplicateFillError } from '../errors.ts';
import {
  compare,
  divide,
  formatDecimal,
  multiply,
  round,
  subtract,
  trim,
  ZERO,
  type Decimal,
} from './decimal.ts';
import type { Instrument } from './instrument.ts';
import type { OrderFilled } from './order-event.ts';
import { nextPositionState, openPositionState, turns, type PositionState } from './position-state.ts';

/**
 * A position that nets: fills of one side add, those of the other reduce it. When a fill opens it anew after it was
 * flat, or turns it from long to short, a new cycle begins: the log, the trades and the profit start over.
 */
export class Position {
  readonly #instrument: Instrument;
  #state: PositionState;
  #before: PositionState | null = null;
  #lastClosed: PositionState | null = null;
  #beforeCycle: OrderFilled | null = null;
  #events: OrderFilled[];
  #trades: Set<string>;

  /** Throws RangeError for a fill of another instrument, without a position id, or without a quantity. */
  constructor(instrument: Instrument, fill: OrderFilled) {
    if (fill.positionId === null) throw new RangeError(`fill "${fill.tradeId}" has no position id`);
    this.#instrument = instrument;
    requireFillOf(fill, instrument.id, fill.positionId);
    this.#state = openPositionState(instrument, fill, fill.positionId);
    this.#events = [fill];
    this.#trades = new Set([tradeOf(fill)]);
  }

  /** Rebuilds a position from its log, oldest first. Throws as the constructor and `apply` do. */
  static replay(instrument: Instrument, fills: readonly OrderFilled[]): Position {
    const [first, ...rest] = fills;
    if (first === undefined) throw new RangeError('a position needs one fill or more');
    const position = new Position(instrument, first);
    for (const fill of rest) position.apply(fill);
    return position;
  }

  /**
   * Applies one more fill. What is refused leaves everything as it was: RangeError for a fill of another position or
   * without a quantity, DuplicateFillError for the same trade with the same price and quantity, or one that has opened
   * this cycle.
   */
  apply(fill: OrderFilled): void {
    requireFillOf(fill, this.#state.instrumentId, this.id);
    if (this.#trades.has(tradeOf(fill)) || isPartOf(this.#events[0]!, fill)) {
      throw new DuplicateFillError(`trade "${fill.tradeId}" is part of position "${this.id}" already`);
    }
    if (this.isClosed) {
      this.#startCycle(this.#state, fill);
    } else if (turns(this.#state, fill)) {
      const [closing, opening] = splitFill(fill, this.#state.quantity);
      this.#startCycle(nextPositionState(this.#state, closing, this.#instrument), opening);
    } else {
      const state = nextPositionState(this.#state, fill, this.#instrument);
      this.#before = this.#state;
      this.#state = state;
      this.#events.push(fill);
      this.#trades.add(tradeOf(fill));
    }
  }

  #startCycle(closed: PositionState, fill: OrderFilled): void {
    this.#state = openPositionState(this.#instrument, fill, this.id);
    this.#before = null;
    this.#lastClosed = closed;
    this.#beforeCycle = this.#events.at(-1)!;
    this.#events = [fill];
    this.#trades = new Set([tradeOf(fill)]);
  }

  get id(): string {
    return this.#state.positionId;
  }

  get state(): PositionState {
    return this.#state;
  }

  /** The state before the last fill of this cycle; null for the first one. */
  get before(): PositionState | null {
    return this.#before;
  }

  /** How the cycle before this one ended; null when there was none since the position was made or loaded. */
  get lastClosed(): PositionState | null {
    return this.#lastClosed;
  }

  /** The last fill in the log that this cycle replaces; null when there was none since the position was made or loaded. */
  get beforeCycle(): OrderFilled | null {
    return this.#beforeCycle;
  }

  /** Fills of this cycle, oldest first; never empty. Of a fill that turned the position, the part beyond flat. */
  get events(): readonly OrderFilled[] {
    return this.#events;
  }

  get isOpen(): boolean {
    return this.#state.side !== 'FLAT';
  }

  get isClosed(): boolean {
    return this.#state.side === 'FLAT';
  }
}

function requireFillOf(fill: OrderFilled, instrumentId: string, positionId: string): void {
  if (fill.instrumentId !== instrumentId) {
    throw new RangeError(`fill "${fill.tradeId}" is of "${fill.instrumentId}", not of "${instrumentId}"`);
  }
  if (fill.positionId !== null && fill.positionId !== positionId) {
    throw new RangeError(
      `fill "${fill.tradeId}" is of position "${fill.positionId}", not of "${positionId}"`,
    );
  }
  if (compare(fill.lastQty, ZERO) <= 0) throw new RangeError(`fill "${fill.tradeId}" has no quantity`);
}

/** A trade at another price or of another quantity is another one: an engine may apply a fill in two parts. */
function tradeOf(fill: OrderFilled): string {
  return `${priceOf(fill)} ${formatDecimal(trim(fill.lastQty))}`;
}

function priceOf({ tradeId, orderSide, lastPx }: OrderFilled): string {
  return `${tradeId} ${orderSide} ${formatDecimal(trim(lastPx))}`;
}

/** Whether `first`, which opened a cycle, can be what was left of the fill after it had closed the cycle before. */
function isPartOf(first: OrderFilled, fill: OrderFilled): boolean {
  return first.tradeId === fill.tradeId && priceOf(first) === priceOf(fill);
}

/** Divides a fill into the first `quantity` and the rest; the commission goes with the quantities. */
function splitFill(fill: OrderFilled, quantity: Decimal): [OrderFilled, OrderFilled] {
  const rest = subtract(fill.lastQty, quantity);
  if (fill.commission === null) {
    return [
      { ...fill, lastQty: quantity },
      { ...fill, lastQty: rest },
    ];
  }
  const { amount, currency } = fill.commission;
  const ofRest = round(divide(multiply(amount, rest), fill.lastQty), amount.scale);
  return [
    { ...fill, lastQty: quantity, commission: { amount: subtract(amount, ofRest), currency } },
    { ...fill, lastQty: rest, commission: { amount: ofRest, currency } },
  ];
}

import fc from 'fast-check';
import { decimal } from '../../jobs/trading/domain/decimal.ts';
import type { OrderEvent } from '../../jobs/trading/domain/order-event.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import type { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { AUDUSD, contents, event, filled, HAPPENINGS, initialized } from './trading.ts';

/* Traces: what happens to a few orders and positions, allowed or not. */

export interface Step {
  readonly who: number;
  readonly what: number;
  readonly qty: number;
  readonly px: number;
  readonly isBuy: boolean;
}

const FILL = HAPPENINGS.length;
const TRANSFORM = FILL + 1;
/** Fills come more often than their share, so that orders and positions get somewhere. */
const LAST = TRANSFORM + 4;

/** Steps of a trace; `who` is one of three. */
export const traces = fc.array(
  fc.record({
    who: fc.nat(2),
    what: fc.nat(LAST),
    qty: fc.integer({ min: 0, max: 120_000 }),
    px: fc.integer({ min: 1, max: 200_000 }),
    isBuy: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);

/** Orders and positions as a trader has them in memory. */
export interface Book {
  readonly orders: readonly Order[];
  readonly positions: Map<string, Position>;
}

export function newBook(): Book {
  return {
    orders: [0, 1, 2].map(
      (who) => new Order(initialized(`O-${who}`, { emulationTrigger: who === 2 ? 'BID_ASK' : 'NO_TRIGGER' })),
    ),
    positions: new Map(),
  };
}

function toEvent({ what, qty, px, isBuy }: Step, id: string): OrderEvent {
  if (what < FILL) return event(id, HAPPENINGS[what]!);
  if (what === TRANSFORM) return initialized(id, { orderType: qty % 3 === 0 ? 'STOP_LIMIT' : 'LIMIT' });
  const trade = qty % 7 === 0 ? { tradeId: `E-${qty}` } : {};
  return filled(id, String(qty), `0.${String(px).padStart(6, '0')}`, {
    orderSide: qty % 11 === 0 && !isBuy ? 'SELL' : 'BUY',
    ...trade,
  });
}

function toFill({ who, qty, px, isBuy }: Step): ReturnType<typeof filled> {
  const side = isBuy ? 'BUY' : 'SELL';
  return filled(`O-${who}`, String(qty), `0.${String(px).padStart(6, '0')}`, {
    positionId: `P-${who}`,
    orderSide: side,
    commission: { amount: decimal('0.37'), currency: 'USD' },
    ...(qty % 7 === 0 ? { tradeId: `E-${qty % 21}` } : {}),
  });
}

/** Applies what a step is and says whether it was allowed. Throws when something refused has left a trace. */
function attempt(item: Order | Position, apply: () => void): boolean {
  const before = contents(item);
  try {
    apply();
    return true;
  } catch {
    const after = contents(item);
    if (!equal(before, after)) throw new Error(`a refused event has changed ${item.id}`);
    return false;
  }
}

function equal(a: unknown, b: unknown): boolean {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_name, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item));
  return text(a) === text(b);
}

/** Carries out one step on the book and on the database, and says whether the order allowed it. */
export function take(step: Step, book: Book, db?: TradingStateDatabase): boolean {
  const order = book.orders[step.who]!;
  const allowed = attempt(order, () => order.apply(toEvent(step, order.id)));
  if (allowed) void db?.updateOrder(order);
  if (step.what >= FILL && step.what !== TRANSFORM) {
    const fill = toFill(step);
    const position = book.positions.get(fill.positionId!);
    if (position !== undefined) {
      if (attempt(position, () => position.apply(fill))) void db?.updatePosition(position);
    } else if (step.qty > 0) {
      const opened = new Position(AUDUSD, fill);
      book.positions.set(opened.id, opened);
      void db?.addPosition(opened);
    }
  }
  return allowed;
}

/** Stores what a trace starts from; all of it is on its way when this returns. */
export function storeBook(book: Book, db: TradingStateDatabase): Promise<unknown> {
  return Promise.all([db.addInstrument(AUDUSD), ...book.orders.map((order) => db.addOrder(order))]);
}

import { DuplicateFillError, InvalidTransitionError } from '../errors.ts';
import type { OrderEvent, OrderInitialized } from './order-event.ts';
import {
  createOrderState,
  isEmulated,
  isInflight,
  isOpen,
  nextOrderState,
  type OrderState,
} from './order-state.ts';
import { isClosedStatus } from './order-status.ts';

/** An order: the log of its events, and what they have made of it. */
export class Order {
  #state: OrderState;
  #before: OrderState | null = null;
  readonly #events: OrderEvent[];
  readonly #tradeIds = new Set<string>();

  constructor(event: OrderInitialized) {
    this.#state = createOrderState(event);
    this.#events = [event];
  }

  /** Rebuilds an order from its log. Throws as `apply` does, and for a log that does not start an order. */
  static replay(events: readonly OrderEvent[]): Order {
    const [first, ...rest] = events;
    if (first?.type !== 'OrderInitialized') {
      throw new InvalidTransitionError(
        `an order starts with OrderInitialized, not ${first?.type ?? 'nothing'}`,
      );
    }
    const order = new Order(first);
    for (const event of rest) order.apply(event);
    return order;
  }

  /**
   * Applies one more event. What is refused leaves everything as it was: RangeError for an event of another order
   * or an impossible quantity, InvalidTransitionError, DuplicateFillError.
   */
  apply(event: OrderEvent): void {
    if (event.type === 'OrderFilled' && this.#tradeIds.has(event.tradeId)) {
      throw new DuplicateFillError(`trade "${event.tradeId}" has filled order "${this.id}" before`);
    }
    const state = nextOrderState(this.#state, event);
    this.#before = this.#state;
    this.#state = state;
    this.#events.push(event);
    if (event.type === 'OrderFilled') this.#tradeIds.add(event.tradeId);
  }

  /** Client order id. */
  get id(): string {
    return this.#state.clientOrderId;
  }

  get state(): OrderState {
    return this.#state;
  }

  /** The state before the last event; null for a new order. */
  get before(): OrderState | null {
    return this.#before;
  }

  /** Oldest first; never empty. */
  get events(): readonly OrderEvent[] {
    return this.#events;
  }

  get isEmulated(): boolean {
    return isEmulated(this.#state);
  }

  get isOpen(): boolean {
    return isOpen(this.#state);
  }

  get isClosed(): boolean {
    return isClosedStatus(this.#state.status);
  }

  get isInflight(): boolean {
    return isInflight(this.#state);
  }
}

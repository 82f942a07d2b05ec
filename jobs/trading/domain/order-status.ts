import { InvalidTransitionError } from '../errors.ts';
import type { OrderEvent } from './order-event.ts';

export type OrderStatus =
  | 'INITIALIZED'
  | 'DENIED'
  | 'EMULATED'
  | 'RELEASED'
  | 'SUBMITTED'
  | 'ACCEPTED'
  | 'REJECTED'
  | 'CANCELED'
  | 'EXPIRED'
  | 'TRIGGERED'
  | 'PENDING_UPDATE'
  | 'PENDING_CANCEL'
  | 'PARTIALLY_FILLED'
  | 'FILLED';

/** For each status those that may follow. DENIED, REJECTED, EXPIRED and FILLED are final. */
const TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  INITIALIZED: [
    'DENIED',
    'EMULATED',
    'RELEASED',
    'SUBMITTED',
    'REJECTED',
    'ACCEPTED',
    'CANCELED',
    'EXPIRED',
    'TRIGGERED',
  ],
  DENIED: [],
  EMULATED: ['CANCELED', 'EXPIRED', 'RELEASED'],
  RELEASED: ['DENIED', 'SUBMITTED', 'CANCELED'],
  SUBMITTED: [
    'PENDING_UPDATE',
    'PENDING_CANCEL',
    'REJECTED',
    'CANCELED',
    'ACCEPTED',
    'PARTIALLY_FILLED',
    'FILLED',
  ],
  ACCEPTED: [
    'REJECTED',
    'PENDING_UPDATE',
    'PENDING_CANCEL',
    'CANCELED',
    'TRIGGERED',
    'EXPIRED',
    'PARTIALLY_FILLED',
    'FILLED',
  ],
  REJECTED: [],
  // A fill can overtake the news of the cancel.
  CANCELED: ['PARTIALLY_FILLED', 'FILLED'],
  EXPIRED: [],
  TRIGGERED: [
    'REJECTED',
    'PENDING_UPDATE',
    'PENDING_CANCEL',
    'CANCELED',
    'EXPIRED',
    'PARTIALLY_FILLED',
    'FILLED',
  ],
  PENDING_UPDATE: [
    'REJECTED',
    'ACCEPTED',
    'CANCELED',
    'EXPIRED',
    'TRIGGERED',
    'SUBMITTED',
    'PENDING_UPDATE',
    'PENDING_CANCEL',
    'PARTIALLY_FILLED',
    'FILLED',
  ],
  PENDING_CANCEL: [
    'REJECTED',
    'PENDING_CANCEL',
    'CANCELED',
    'EXPIRED',
    'ACCEPTED',
    'PARTIALLY_FILLED',
    'FILLED',
  ],
  PARTIALLY_FILLED: ['PENDING_UPDATE', 'PENDING_CANCEL', 'CANCELED', 'EXPIRED', 'PARTIALLY_FILLED', 'FILLED'],
  FILLED: [],
};

const OPEN: ReadonlySet<OrderStatus> = new Set([
  'ACCEPTED',
  'TRIGGERED',
  'PENDING_CANCEL',
  'PENDING_UPDATE',
  'PARTIALLY_FILLED',
]);
const CLOSED: ReadonlySet<OrderStatus> = new Set(['DENIED', 'REJECTED', 'CANCELED', 'EXPIRED', 'FILLED']);
const INFLIGHT: ReadonlySet<OrderStatus> = new Set(['SUBMITTED', 'PENDING_UPDATE', 'PENDING_CANCEL']);

/** At work at the venue. */
export function isOpenStatus(status: OrderStatus): boolean {
  return OPEN.has(status);
}

/** Nothing more is expected to happen. */
export function isClosedStatus(status: OrderStatus): boolean {
  return CLOSED.has(status);
}

/** An answer of the venue is on its way. */
export function isInflightStatus(status: OrderStatus): boolean {
  return INFLIGHT.has(status);
}

export function isPendingStatus(status: OrderStatus): boolean {
  return status === 'PENDING_UPDATE' || status === 'PENDING_CANCEL';
}

/** The status an event leads to, where the event alone decides. */
const TARGETS: Partial<Record<OrderEvent['type'], OrderStatus>> = {
  OrderDenied: 'DENIED',
  OrderEmulated: 'EMULATED',
  OrderReleased: 'RELEASED',
  OrderSubmitted: 'SUBMITTED',
  OrderRejected: 'REJECTED',
  OrderAccepted: 'ACCEPTED',
  OrderPendingUpdate: 'PENDING_UPDATE',
  OrderPendingCancel: 'PENDING_CANCEL',
  OrderTriggered: 'TRIGGERED',
  OrderExpired: 'EXPIRED',
  OrderCanceled: 'CANCELED',
};

/**
 * The status after an event. What ends a pending request (update, or its rejection) leads back to `resting`, the last
 * status that was not pending. Throws InvalidTransitionError when the event is not allowed.
 *
 * @param isComplete for a fill: whether nothing is left to fill
 */
export function nextStatus(
  status: OrderStatus,
  resting: OrderStatus,
  type: OrderEvent['type'],
  isComplete: boolean,
): OrderStatus {
  switch (type) {
    case 'OrderUpdated':
    case 'OrderModifyRejected':
      return status === 'PENDING_UPDATE' ? resting : status;
    case 'OrderCancelRejected':
      return status === 'PENDING_CANCEL' ? resting : status;
    case 'OrderInitialized':
      // A change of type, which only an order that was never sent can make.
      if (status === 'INITIALIZED' || status === 'EMULATED' || status === 'RELEASED') return 'INITIALIZED';
      break;
    case 'OrderFilled':
      return requireTransition(status, isComplete ? 'FILLED' : 'PARTIALLY_FILLED', type);
    default: {
      const next = requireTransition(status, TARGETS[type]!, type);
      // The news that it was sent can come after the request to change it.
      return status === 'PENDING_UPDATE' && next === 'SUBMITTED' ? status : next;
    }
  }
  throw new InvalidTransitionError(`${type} is not allowed for an order that is ${status}`);
}

function requireTransition(from: OrderStatus, to: OrderStatus, type: string): OrderStatus {
  if (TRANSITIONS[from].includes(to)) return to;
  const allowed = TRANSITIONS[from].join(', ') || 'none';
  throw new InvalidTransitionError(
    `${type} would make an order that is ${from} ${to}; what can follow is ${allowed}`,
  );
}

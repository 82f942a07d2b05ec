import { describe, expect, test } from '@jest/globals';
import { nextStatus, type OrderStatus } from '../../jobs/trading/domain/order-status.ts';
import { InvalidTransitionError } from '../../jobs/trading/errors.ts';
import { HAPPENINGS } from '../support/trading.ts';

/*
 * The whole state machine as one table: for each status, in the order of the columns, the first letters of the status
 * that each event leads to, and `-` where it is refused. The order rests in ACCEPTED while a request is pending.
 */
const SHORT: Readonly<Record<string, OrderStatus>> = {
  in: 'INITIALIZED',
  de: 'DENIED',
  em: 'EMULATED',
  re: 'RELEASED',
  su: 'SUBMITTED',
  ac: 'ACCEPTED',
  rj: 'REJECTED',
  ca: 'CANCELED',
  ex: 'EXPIRED',
  tr: 'TRIGGERED',
  pu: 'PENDING_UPDATE',
  pc: 'PENDING_CANCEL',
  pf: 'PARTIALLY_FILLED',
  fi: 'FILLED',
};

const EVENTS = [...HAPPENINGS, 'part', 'rest', 'OrderInitialized'] as const;

// Denied Emulated Released Submitted Rejected Accepted PendingUpdate PendingCancel Triggered Expired Canceled
// ModifyRejected CancelRejected Updated | a fill of a part, of the rest | another type of order
const TABLE: Readonly<Record<string, string>> = {
  in: 'de em re su rj ac -  -  tr ex ca in in in -  -  in',
  de: '-  -  -  -  -  -  -  -  -  -  -  de de de -  -  - ',
  em: '-  -  re -  -  -  -  -  -  ex ca em em em -  -  in',
  re: 'de -  -  su -  -  -  -  -  -  ca re re re -  -  in',
  su: '-  -  -  -  rj ac pu pc -  -  ca su su su pf fi - ',
  ac: '-  -  -  -  rj -  pu pc tr ex ca ac ac ac pf fi - ',
  rj: '-  -  -  -  -  -  -  -  -  -  -  rj rj rj -  -  - ',
  ca: '-  -  -  -  -  -  -  -  -  -  -  ca ca ca pf fi - ',
  ex: '-  -  -  -  -  -  -  -  -  -  -  ex ex ex -  -  - ',
  tr: '-  -  -  -  rj -  pu pc -  ex ca tr tr tr pf fi - ',
  pu: '-  -  -  pu rj ac pu pc tr ex ca ac pu ac pf fi - ',
  pc: '-  -  -  -  rj ac -  pc -  ex ca pc ac pc pf fi - ',
  pf: '-  -  -  -  -  -  pu pc -  ex ca pf pf pf pf fi - ',
  fi: '-  -  -  -  -  -  -  -  -  -  -  fi fi fi -  -  - ',
};

describe.each(Object.entries(TABLE))('an order that is %s', (from, row) => {
  const targets = row.trim().split(/\s+/);
  test.each(EVENTS.map((name, index) => [name, targets[index]!] as const))('after %s is %s', (name, to) => {
    const type = name === 'part' || name === 'rest' ? 'OrderFilled' : name;
    const run = (): OrderStatus => nextStatus(SHORT[from]!, 'ACCEPTED', type, name === 'rest');
    if (to === '-') expect(run).toThrow(InvalidTransitionError);
    else expect(run()).toBe(SHORT[to]);
  });
});

test('the table has a column for every event', () => {
  for (const row of Object.values(TABLE)) expect(row.trim().split(/\s+/)).toHaveLength(EVENTS.length);
});

import { describe, expect, test } from '@jest/globals';
import { Account } from '../../jobs/trading/domain/account.ts';
import { compare, decimal, divide, formatDecimal, round } from '../../jobs/trading/domain/decimal.ts';
import { formatMoney, money } from '../../jobs/trading/domain/money.ts';
import { formatIso, parseNanoseconds, requireNanoseconds } from '../../jobs/trading/domain/nanoseconds.ts';
import { Order } from '../../jobs/trading/domain/order.ts';
import { Position } from '../../jobs/trading/domain/position.ts';
import { DuplicateFillError, InvalidTransitionError } from '../../jobs/trading/errors.ts';
import { accountState, AUDUSD, contents, event, filled, initialized, traded } from '../support/trading.ts';

describe('decimals', () => {
  test.each([
    ['0.80010', { units: 80010n, scale: 5 }],
    ['-0.05', { units: -5n, scale: 2 }],
    ['+7', { units: 7n, scale: 0 }],
    ['1E-8', { units: 1n, scale: 8 }],
    ['1.5e3', { units: 1500n, scale: 0 }],
    ['000.10', { units: 10n, scale: 2 }],
  ])('%s is read', (text, value) => {
    expect(decimal(text)).toEqual(value);
  });

  test.each(['', '.5', '5.', '1,000', '0x10', 'NaN', 'Infinity', '1e9999', ' 1'])(
    '"%s" is refused',
    (text) => {
      expect(() => decimal(text)).toThrow(RangeError);
    },
  );

  test('a half is rounded to even', () => {
    const rounded = ['0.5', '1.5', '2.5', '-0.5', '-1.5', '2.51', '2.49'].map((text) =>
      formatDecimal(round(decimal(text), 0)),
    );
    expect(rounded).toEqual(['0', '2', '2', '0', '-2', '3', '2']);
    expect(formatDecimal(round(decimal('1.5'), 3))).toBe('1.500');
    expect(formatDecimal(divide(decimal('1'), decimal('3')))).toBe('0.333333333333333333');
    expect(formatDecimal(divide(decimal('2'), decimal('-3')))).toBe('-0.666666666666666667');
    expect(formatDecimal(divide(decimal('1'), decimal('4')))).toBe('0.25');
    expect(() => divide(decimal('1'), decimal('0.00'))).toThrow(RangeError);
  });
});

test('money is an amount and a code', () => {
  expect(formatMoney(money('12.50 USD'))).toBe('12.50 USD');
  for (const text of ['12.50', '12.50 USD x', 'x USD', '12.50  USD', ' USD']) {
    expect(() => money(text)).toThrow(RangeError);
  }
});

test('timestamps are exact, and anything else is refused', () => {
  expect(parseNanoseconds('2026-11-21T02:40:00Z')).toBe(1795228800000000000n);
  expect(parseNanoseconds('2026-11-21T02:40:00.1+00:00')).toBe(1795228800100000000n);
  expect(formatIso(5n)).toBe('1970-01-01T00:00:00.000000005Z');
  for (const value of [
    -1n,
    2n ** 64n,
    1.5,
    2 ** 60,
    '',
    '1.5',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-02-28T24:00:00Z',
    '2026-11-21',
    null,
    {},
  ]) {
    expect(() => parseNanoseconds(value)).toThrow(RangeError);
  }
  expect(() => requireNanoseconds(5, 'ts')).toThrow(TypeError);
});

describe('orders', () => {
  test('start with OrderInitialized and a quantity', () => {
    expect(() => Order.replay([])).toThrow(InvalidTransitionError);
    expect(() => Order.replay([event('O-1', 'OrderAccepted')])).toThrow(/starts with OrderInitialized/);
    expect(() => new Order(initialized('O-1', { quantity: decimal('0') }))).toThrow(RangeError);
    const order = new Order(initialized('O-1'));
    const changes = [
      event('O-1', 'OrderUpdated', { quantity: decimal('-5') }),
      initialized('O-1', { orderType: 'LIMIT', quantity: decimal('0') }),
    ];
    for (const change of changes) expect(() => order.apply(change)).toThrow(/needs a quantity above 0/);
    expect(order.events).toHaveLength(1);
  });

  test('average price, commissions and times come from the events', () => {
    const order = new Order(initialized('O-1'));
    const submitted = event('O-1', 'OrderSubmitted');
    const accepted = event('O-1', 'OrderAccepted');
    const fills = [
      filled('O-1', '30000', '0.80010', { commission: money('0.60 USD'), positionId: 'P-1' }),
      filled('O-1', '30000', '0.80040', { commission: money('1 AUD') }),
      filled('O-1', '40000', '0.80010', { commission: money('0.80 USD') }),
    ];
    for (const step of [submitted, accepted, ...fills]) order.apply(step);
    expect(order.state).toMatchObject({
      avgPx: decimal('0.80019'),
      positionId: 'P-1',
      commissions: [money('1.40 USD'), money('1 AUD')],
      lastTradeId: fills[2]!.tradeId,
      tsSubmitted: submitted.tsEvent,
      tsAccepted: accepted.tsEvent,
      tsClosed: fills[2]!.tsEvent,
    });
  });

  test('an update may change the venue order id, and nothing else may', () => {
    const order = new Order(initialized('O-1'));
    order.apply(event('O-1', 'OrderAccepted'));
    order.apply(event('O-1', 'OrderUpdated', { venueOrderId: 'V-2' }));
    expect(order.state.venueOrderId).toBe('V-2');
    expect(() => order.apply(event('O-1', 'OrderCanceled'))).toThrow(/venue order id "V-1"/);
  });
});

describe('positions', () => {
  test('a short position earns when the price falls', () => {
    const position = new Position(AUDUSD, traded('SELL', '1000', '0.80100'));
    position.apply(traded('SELL', '1000', '0.80300'));
    expect(position.state).toMatchObject({ avgPxOpen: decimal('0.802'), peakQty: decimal('2000') });
    position.apply(traded('BUY', '2000', '0.80000'));
    expect(position.state).toMatchObject({ side: 'FLAT', closingOrderId: 'O-BUY' });
    expect(compare(position.state.realizedPnl.amount, decimal('4'))).toBe(0);
    expect(formatDecimal(round(position.state.realizedReturn, 6))).toBe('0.002494');
  });

  test('an inverse instrument pays in the base currency: quantity * (1 / open - 1 / close)', () => {
    const inverse = { ...AUDUSD, isInverse: true, settlementCurrency: 'AUD' };
    const position = new Position(inverse, traded('BUY', '10000', '10000', '1.00'));
    position.apply(traded('SELL', '10000', '12500'));
    // A commission in another currency is no part of the profit.
    expect(position.state.realizedPnl).toEqual({ amount: decimal('0.2'), currency: 'AUD' });
    expect(position.state.commissions).toEqual([money('1.00 USD')]);
  });

  test('the multiplier multiplies', () => {
    const position = new Position({ ...AUDUSD, multiplier: decimal('50') }, traded('BUY', '2', '100.25'));
    position.apply(traded('SELL', '2', '100.50'));
    expect(compare(position.state.realizedPnl.amount, decimal('25'))).toBe(0);
  });

  test('fills of another instrument or position are refused', () => {
    const fill = traded('BUY', '1', '1.0');
    expect(() => new Position(AUDUSD, { ...fill, positionId: null })).toThrow(RangeError);
    expect(() => new Position(AUDUSD, { ...fill, instrumentId: 'X.Y' })).toThrow(/is of "X.Y"/);
    const position = new Position(AUDUSD, fill);
    expect(() => position.apply({ ...traded('BUY', '1', '1.0'), positionId: 'P-2' })).toThrow(
      /of position "P-2"/,
    );
    expect(() => Position.replay(AUDUSD, [])).toThrow(RangeError);
  });

  test('a fill that an engine has split at flat turns the position, now and when its log is read', () => {
    const position = new Position(AUDUSD, traded('BUY', '100', '1.0'));
    const first = position.events[0]!;
    const sale = traded('SELL', '150', '1.10');
    const closing = { ...sale, lastQty: decimal('100') };
    const opening = { ...sale, lastQty: decimal('50'), eventId: 'another' };
    position.apply(closing);
    expect(() => position.apply({ ...closing, eventId: 'again' })).toThrow(DuplicateFillError);
    position.apply(opening);
    expect(position.state).toMatchObject({ side: 'SHORT', quantity: decimal('50') });
    for (const known of [sale, closing, opening]) {
      expect(() => position.apply(known)).toThrow(DuplicateFillError);
    }
    expect(contents(Position.replay(AUDUSD, [first, closing, opening]))).toEqual(contents(position));
  });

  test('a price with other zeros at its end is the same price', () => {
    const fill = traded('BUY', '10', '1.10');
    const position = new Position(AUDUSD, traded('BUY', '10', '1.0'));
    position.apply(fill);
    const same = { ...fill, lastPx: decimal('1.1'), lastQty: decimal('10.0') };
    expect(() => position.apply(same)).toThrow(DuplicateFillError);
  });

  test('the same trade at another price is another fill, and after a turn the whole fill is known', () => {
    const position = new Position(AUDUSD, traded('BUY', '10', '1.0'));
    const sale = traded('SELL', '30', '1.1');
    position.apply(sale);
    expect(() => position.apply(sale)).toThrow(/is part of position "P-1" already/);
    position.apply({ ...sale, lastPx: decimal('1.2') });
    expect(position.state.quantity).toEqual(decimal('50'));
  });
});

test('states of another account, and balances that do not add up, are refused', () => {
  const account = new Account(accountState('1.00'));
  expect(() => account.apply(accountState('1.00', 'OTHER'))).toThrow(RangeError);
  const wrong = accountState('2.00');
  const balances = [{ ...wrong.balances[0]!, free: decimal('1.99') }];
  expect(() => account.apply({ ...wrong, balances })).toThrow(/total is not locked \+ free/);
  expect(account.events).toHaveLength(1);
  expect(() => Account.replay([])).toThrow(/one state or more/);
});

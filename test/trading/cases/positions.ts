import { expect } from '@jest/globals';
import { compare, decimal, formatDecimal, round } from '../../../jobs/trading/domain/decimal.ts';
import { Position } from '../../../jobs/trading/domain/position.ts';
import { CorruptStateError, DuplicateFillError } from '../../../jobs/trading/errors.ts';
import { AUDUSD, contents, traded } from '../../support/trading.ts';
import { BACKENDS, key, listAt, setAt, type Case, type Context } from './case.ts';

type Fill = ReturnType<typeof traded>;

/** A position that is stored, and a way to trade on. */
async function opened(
  { open }: Context,
  first: Fill,
): Promise<{ position: Position; trade: (fill: Fill) => Promise<void> }> {
  const db = await open();
  await db.addInstrument(AUDUSD);
  const position = new Position(AUDUSD, first);
  await db.addPosition(position);
  return {
    position,
    async trade(fill) {
      position.apply(fill);
      await db.updatePosition(position);
    },
  };
}

async function sides({ store }: Context): Promise<{ open: string[]; closed: string[] }> {
  return {
    open: await setAt(store, key('index:positions_open')),
    closed: await setAt(store, key('index:positions_closed')),
  };
}

const pnl = ({ state }: Position): string => formatDecimal(round(state.realizedPnl.amount, 2));

/** Positions: logs, indexes, profits, and cycles. */
export const positionCases: readonly Case[] = [
  {
    number: 24,
    name: 'a new position is indexed as open; without its instrument it cannot be rebuilt, and the log says so',
    backends: BACKENDS,
    async run(context) {
      const { open, store } = context;
      const lines: string[] = [];
      const log = { error: (_fields: object, message: string) => lines.push(message), warn() {} };
      const db = await open({}, { log: log as never });
      expect(await db.loadPosition('P-1')).toBeUndefined();
      expect(lines).toEqual([]);
      const position = new Position(AUDUSD, traded('BUY', '100000', '0.80010', '1.60'));
      await db.addPosition(position);
      expect(await setAt(store, key('index:positions'))).toEqual(['P-1']);
      expect(await sides(context)).toEqual({ open: ['P-1'], closed: [] });
      expect(await db.loadPosition('P-1')).toBeUndefined();
      expect(lines).toEqual(['position "P-1" cannot be rebuilt: instrument "AUD/USD.SIM" is not stored']);
      expect([...(await db.loadPositions()).errors.keys()]).toEqual(['P-1']);
      await db.addInstrument(AUDUSD);
      expect(contents(await db.loadPosition('P-1'))).toEqual(contents(position));
      expect((await db.loadPositions()).errors.size).toBe(0);
    },
  },
  {
    number: 25,
    name: 'profits: 47.60 after half is sold, 41.80 when flat; the average close is 0.80055',
    backends: BACKENDS,
    async run(context) {
      const { position, trade } = await opened(context, traded('BUY', '100000', '0.80010', '1.60'));
      await trade(traded('SELL', '50000', '0.80110', '0.80'));
      expect(pnl(position)).toBe('47.60');
      expect(await sides(context)).toEqual({ open: ['P-1'], closed: [] });
      await trade(traded('SELL', '50000', '0.80000', '0.80'));
      expect(pnl(position)).toBe('41.80');
      expect(position.state).toMatchObject({ side: 'FLAT', avgPxClose: decimal('0.80055') });
      expect(await sides(context)).toEqual({ open: [], closed: ['P-1'] });
      const loaded = await (await context.open()).loadPosition('P-1');
      expect(contents(loaded)).toEqual(contents(position));
      expect(pnl(loaded!)).toBe('41.80');
    },
  },
  {
    number: 26,
    name: 'a sale of more than there is turns the position, and begins a new log at the price of the turn',
    backends: BACKENDS,
    async run(context) {
      const { position, trade } = await opened(context, traded('BUY', '100000', '0.80010', '1.60'));
      await trade(traded('SELL', '150000', '0.80110', '3.00'));
      const loaded = (await (await context.open()).loadPosition('P-1'))!;
      expect(loaded.state).toMatchObject({
        side: 'SHORT',
        quantity: decimal('50000'),
        avgPxOpen: decimal('0.80110'),
      });
      expect(await listAt(context.store, key('positions:P-1'))).toHaveLength(1);
      expect(contents(loaded)).toEqual(contents(position));
      // The commission is divided as the quantity is; the cycle that ended is kept as a snapshot.
      expect(pnl(loaded)).toBe('-1.00');
      expect(compare(position.lastClosed!.realizedPnl.amount, decimal('96.40'))).toBe(0);
      expect(await listAt(context.store, key('snapshots:positions:P-1'))).toHaveLength(1);
      expect(await sides(context)).toEqual({ open: ['P-1'], closed: [] });
    },
  },
  {
    number: 27,
    name: 'a position that is opened again under its id begins anew',
    backends: BACKENDS,
    async run(context) {
      const { position, trade } = await opened(context, traded('BUY', '100000', '0.80010', '1.60'));
      await trade(traded('SELL', '100000', '0.80110', '1.60'));
      expect(await sides(context)).toEqual({ open: [], closed: ['P-1'] });
      await trade(traded('SELL', '20000', '0.80200'));
      expect(await sides(context)).toEqual({ open: ['P-1'], closed: [] });
      expect(position.events).toHaveLength(1);
      expect(pnl(position)).toBe('0.00');
      expect(await listAt(context.store, key('positions:P-1'))).toHaveLength(1);
      await trade(traded('SELL', '10000', '0.80210'));
      const loaded = (await (await context.open()).loadPosition('P-1'))!;
      expect(loaded.state).toMatchObject({ side: 'SHORT', quantity: decimal('30000') });
      expect(contents(loaded)).toEqual(contents(position));
    },
  },
  {
    number: 28,
    name: 'the same fill twice is a DuplicateFillError, and a log with it a CorruptStateError',
    backends: BACKENDS,
    async run(context) {
      const first = traded('BUY', '100000', '0.80010');
      const { position } = await opened(context, first);
      const before = contents(position);
      expect(() => position.apply(first)).toThrow(DuplicateFillError);
      expect(() => position.apply({ ...first, eventId: 'another' })).toThrow(DuplicateFillError);
      expect(contents(position)).toEqual(before);
      const at = key('positions:P-1');
      const [value] = await listAt(context.store, at);
      await context.store.apply([{ commands: [{ type: 'append', key: at, value: value! }] }]);
      const db = await context.open();
      await expect(db.loadPosition('P-1')).rejects.toThrow(CorruptStateError);
      expect((await db.loadPositions()).errors.get('P-1')).toBeInstanceOf(CorruptStateError);
    },
  },
];

import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { orderAfter, TRADER } from './trading.ts';

/*
 * A trader whose listener throws at each failed write. It says on stdout what the process hears of that, what becomes of
 * its writes, and what is stored.
 */
const said: string[] = [];
process.on('uncaughtException', ({ message }) => said.push(`uncaught ${message}`));
const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig({ type: 'memory' }), {
  onWriteError({ code }) {
    throw new Error(code);
  },
});
const absent = db.updateOrder(orderAfter('O-1', 'OrderSubmitted'));
const written = db.add('a', Buffer.from('x'));
await absent.catch(({ name }: Error) => said.push(`rejected ${name}`));
await written;
await db.add('b', Buffer.from('x'));
said.push(...(await db.load()).keys());
process.stdout.write(JSON.stringify(said));

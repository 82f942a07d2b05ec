import { writeSync } from 'node:fs';
import { CacheDatabaseConfig } from '../../jobs/trading/config.ts';
import { TradingStateDatabase } from '../../jobs/trading/state-database.ts';
import { event, orderAfter, TRADER } from './trading.ts';

/*
 * A trader to be killed: node trading-writer.ts SETTINGS. It changes twenty orders for ever, several at a time, and
 * says `ID COUNT` on stdout when an order with that many events is acknowledged.
 */
const settings = JSON.parse(process.argv[2]!) as object;
const db = await TradingStateDatabase.open(TRADER, new CacheDatabaseConfig(settings));
const orders = Array.from({ length: 20 }, (_, index) =>
  orderAfter(`O-${index}`, 'OrderSubmitted', 'OrderAccepted'),
);
const say = (id: string, count: number): void => void writeSync(1, `${id} ${count}\n`);
await Promise.all(orders.map((order) => db.addOrder(order).then(() => say(order.id, order.events.length))));
for (;;) {
  await Promise.all(
    orders.map((order) => {
      order.apply(
        event(
          order.id,
          order.state.status === 'PENDING_CANCEL' ? 'OrderCancelRejected' : 'OrderPendingCancel',
        ),
      );
      const count = order.events.length;
      return db.updateOrder(order).then(() => say(order.id, count));
    }),
  );
}

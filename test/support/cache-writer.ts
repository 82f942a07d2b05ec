import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoStore } from '../../jobs/statistics/cache/dynamodb-store.ts';
import { PriceCache } from '../../jobs/statistics/cache/price-cache.ts';
import { SqliteStore } from '../../jobs/statistics/cache/sqlite-store.ts';
import { systemClock } from '../../jobs/runtime/clock.ts';
import { addDays } from '../../jobs/runtime/dates.ts';

/*
 * Writes prices of one ticker into the cache `sqlite:FILE` or `dynamodb:PREFIX`, 100 days at a time, and says after each
 * batch that it is done.
 */

const [cache, ticker, batches] = process.argv.slice(2);
const BATCH_DAYS = 100;

const [kind, place] = [cache!.slice(0, cache!.indexOf(':')), cache!.slice(cache!.indexOf(':') + 1)];
const store =
  kind === 'sqlite'
    ? new SqliteStore(place)
    : new DynamoStore(new DynamoDBClient({}), place, systemClock, new AbortController().signal);
const prices = new PriceCache(store);
for (let batch = 0; batch < Number(batches); batch += 1) {
  const start = addDays('2000-01-01', batch * BATCH_DAYS);
  const rows = Array.from({ length: BATCH_DAYS }, (_, index) => ({
    date: addDays(start, index),
    open: null,
    close: 1 + index,
    dividend: null,
  }));
  await prices.write(ticker!, rows, { start, end: addDays(start, BATCH_DAYS) }, 'test');
  process.stdout.write(`${batch}\n`);
}
await store.close();

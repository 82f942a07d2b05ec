import {
  CrawlerRunningException,
  GetCrawlerCommand,
  GlueClient,
  StartCrawlerCommand,
  type Crawler,
} from '@aws-sdk/client-glue';
import { createAwsClient } from '../runtime/aws-client.ts';
import { missingRegion, type AwsConfig } from '../runtime/aws.ts';
import { firstLine, QueryError, SignalsError } from '../runtime/errors.ts';
import { poll, type BackOff, type Waiting } from '../runtime/poll.ts';

/** A crawl takes a minute or two; one of a whole lake for the first time longer. */
const BACK_OFF: BackOff = { firstMs: 2000, maxMs: 15_000, timeoutMs: 60 * 60_000 };

/** Each one waits for a whole crawl. */
const MAX_STARTS = 5;

const FAILURES = new Set(['FAILED', 'CANCELLED', 'STOPPED']);

/**
 * Starts a crawler and waits until it is done, so that new partitions are known to Athena. A crawl that is under way
 * already may have begun before the newest objects were announced: it is waited for and another one follows.
 */
export async function crawl(name: string, config: AwsConfig, waiting: Waiting): Promise<void> {
  const client = createAwsClient(GlueClient, config);
  try {
    const before = await start(client, name, waiting);
    const isDone = ({ State, LastCrawl }: Crawler): boolean =>
      State === 'READY' && LastCrawl?.StartTime?.getTime() !== before;
    const { LastCrawl } = await waitFor(client, name, isDone, waiting);
    if (FAILURES.has(LastCrawl?.Status ?? '')) {
      const reason = firstLine({ message: LastCrawl?.ErrorMessage ?? 'no reason given' });
      throw new QueryError(`crawler "${name}" ended as ${LastCrawl!.Status}: ${reason}`);
    }
  } catch (error) {
    if (error instanceof SignalsError) throw error;
    throw (
      missingRegion(error) ?? new QueryError(`crawler "${name}" cannot be run: ${firstLine(error)}`, error)
    );
  } finally {
    client.destroy();
  }
}

/** Starts it; resolves with the start of the crawl before, in milliseconds since 1970. */
async function start(client: GlueClient, name: string, waiting: Waiting): Promise<number | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const { LastCrawl } = await waitFor(client, name, ({ State }) => State === 'READY', waiting);
    try {
      await client.send(new StartCrawlerCommand({ Name: name }));
      return LastCrawl?.StartTime?.getTime();
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof CrawlerRunningException) || attempt === MAX_STARTS) throw error;
    }
  }
}

async function waitFor(
  client: GlueClient,
  name: string,
  isThere: (crawler: Crawler) => boolean,
  waiting: Waiting,
): Promise<Crawler> {
  const ask = async (): Promise<Crawler | undefined> => {
    const { Crawler: crawler } = await client.send(new GetCrawlerCommand({ Name: name }));
    return isThere(crawler!) ? crawler : undefined;
  };
  const crawler = await poll(ask, BACK_OFF, waiting);
  if (crawler === undefined) throw new QueryError(`crawler "${name}" was not done in time`);
  return crawler;
}

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { GetCrawlerCommand, GlueClient, StartCrawlerCommand } from '@aws-sdk/client-glue';
import { crawl } from '../../jobs/query/crawler.ts';
import { StoppedError } from '../../jobs/runtime/errors.ts';
import type { Waiting } from '../../jobs/runtime/poll.ts';
import { awsClientConfig, awsEndpoint } from '../support/aws.ts';
import { createAthena } from '../support/athena.ts';
import { describeWith } from '../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';

/* Against the emulator, whose crawls take a fifth of a second; waits are cut short to that. */

describeWith('AWS emulator', 'the crawler', () => {
  const name = `crawl-${randomUUID().slice(0, 8)}`;
  const crawler = `${name}-crawler`;
  const client = new GlueClient(awsClientConfig);
  let proxy: FaultProxy;
  let starts = 0;

  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
    await createAthena(name);
  });
  afterAll(() => proxy.close());

  const waiting: Waiting = {
    signal: new AbortController().signal,
    // As long as it takes the emulator to answer once more, many times over.
    sleep: async () => void (await Promise.all(Array.from({ length: 20 }, () => fetch(awsEndpoint)))),
  };
  const config = (): object => ({ ...awsClientConfig, endpoint: proxy.url });
  const played = (crawlerState: object): { status: number; body: string } => ({
    status: 200,
    body: JSON.stringify({ Crawler: { Name: crawler, ...crawlerState } }),
  });

  test('is started and waited for', async () => {
    await crawl(crawler, config(), waiting);
    const { Crawler } = await client.send(new GetCrawlerCommand({ Name: crawler }));
    expect([Crawler!.State, Crawler!.LastCrawl!.Status]).toEqual(['READY', 'COMPLETED']);
  });

  test('is started anew after a crawl that was under way', async () => {
    starts = 0;
    proxy.decide = (_method, _path, { target }) => {
      if (target === 'AWSGlue.StartCrawler') starts += 1;
      return 'pass';
    };
    await client.send(new StartCrawlerCommand({ Name: crawler }));
    const { Crawler } = await client.send(new GetCrawlerCommand({ Name: crawler }));
    const first = Crawler!.LastCrawl!.StartTime;
    await crawl(crawler, config(), waiting);
    const after = await client.send(new GetCrawlerCommand({ Name: crawler }));
    expect(after.Crawler!.LastCrawl!.StartTime).not.toEqual(first);
    expect(starts).toBe(1);
  });

  test('is started anew when somebody else was faster', async () => {
    let refusals = 1;
    proxy.decide = (_method, _path, { target }) =>
      target === 'AWSGlue.StartCrawler' && refusals-- > 0
        ? { status: 400, body: '{"__type": "CrawlerRunningException", "Message": "already started"}' }
        : 'pass';
    await expect(crawl(crawler, config(), waiting)).resolves.toBeUndefined();
    expect(refusals).toBe(-1);
  });

  test('that fails is a failure, with its reason in one line', async () => {
    let isStarted = false;
    proxy.decide = (_method, _path, { target }) => {
      if (target === 'AWSGlue.StartCrawler') isStarted = true;
      if (target !== 'AWSGlue.GetCrawler' || !isStarted) return 'pass';
      const lastCrawl = { Status: 'FAILED', StartTime: 1, ErrorMessage: 'Access denied\nmore' };
      return played({ State: 'READY', LastCrawl: lastCrawl });
    };
    await expect(crawl(crawler, config(), waiting)).rejects.toThrow(
      `crawler "${crawler}" ended as FAILED: Access denied`,
    );
  });

  test('that does not end is given up after an hour', async () => {
    proxy.decide = (_method, _path, { target }) =>
      target === 'AWSGlue.GetCrawler' ? played({ State: 'RUNNING' }) : 'pass';
    const slept: number[] = [];
    const quick: Waiting = { ...waiting, sleep: async (ms) => void slept.push(ms) };
    await expect(crawl(crawler, config(), quick)).rejects.toThrow(/was not done in time/);
    expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(59 * 60_000);
  });

  test('is no longer waited for when the job is told to stop', async () => {
    proxy.decide = (_method, _path, { target }) =>
      target === 'AWSGlue.GetCrawler' ? played({ State: 'RUNNING' }) : 'pass';
    const stopper = new AbortController();
    const stopped: Waiting = {
      signal: stopper.signal,
      sleep: async (_ms, signal) => {
        stopper.abort('SIGTERM');
        signal.throwIfAborted();
      },
    };
    await expect(crawl(crawler, config(), stopped)).rejects.toThrow(StoppedError);
  });

  test('that is not there is named', async () => {
    proxy.decide = () => 'pass';
    await expect(crawl('no-such-crawler', config(), waiting)).rejects.toThrow(
      /crawler "no-such-crawler" cannot be run/,
    );
  });
});

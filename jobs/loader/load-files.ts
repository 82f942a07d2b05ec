import pLimit from 'p-limit';
import { pricesKey } from '../lake/layout.ts';
import { PricesWriter } from '../lake/prices.ts';
import { withPricesMark } from '../lake/roll-forward.ts';
import { MarketError } from '../runtime/errors.ts';
import type { Coverage } from './coverage.ts';
import { finishLoad, type FinishedLoad } from './finish.ts';
import type { TickerOutcome } from './outcome.ts';
import { stopWhenAsked, type LoadPorts, type LoadRequest } from './request.ts';

const FILES_AT_ONCE = 4;

/**
 * Loads files of your own: all of them are read before anything is written, and one that is not usable ends the
 * run (MarketError) with the lake as it was. What they say is taken as it is.
 */
export async function loadFiles(request: LoadRequest, ports: LoadPorts): Promise<FinishedLoad> {
  const { log, provider, progress, signal } = ports;
  const outcomes = new Map<string, TickerOutcome>(
    request.tickers.map((ticker) => [
      ticker,
      {
        ticker,
        status: 'unattempted',
        reason: 'the run ended before its turn',
        scope: 'window',
        attempts: 0,
        bytes: 0,
      },
    ]),
  );
  const writer = new PricesWriter(ports, provider.name, { keepsKnown: false });
  const written: string[] = [];

  const readAll = async (): Promise<void> => {
    const limit = pLimit(FILES_AT_ONCE);
    const read = async (ticker: string): Promise<void> => {
      stopWhenAsked(signal);
      const answer = await provider.fetchDaily({ ticker, range: request.range, signal });
      progress.advance();
      const asked = { ticker, scope: 'window', attempts: 1, bytes: answer.bytes } as const;
      if (answer.kind === 'ok') {
        const { bars, listing } = answer;
        const currency = listing.currency === null ? {} : { currency: listing.currency };
        const dates = { first: bars[0]!.date, last: bars.at(-1)!.date };
        outcomes.set(ticker, { ...asked, status: 'ok', ...dates, ...currency });
        writer.add(ticker, bars, listing);
      } else {
        outcomes.set(ticker, { ...asked, status: answer.kind, reason: answer.reason });
        if (answer.kind !== 'empty') throw new MarketError(`ticker ${ticker}: ${answer.reason}`);
      }
    };
    progress.start('reading', request.tickers.length);
    try {
      await Promise.all(request.tickers.map((ticker) => limit(() => read(ticker))));
    } finally {
      limit.clearQueue();
      progress.stop();
    }
  };
  const load = async (): Promise<Coverage> => {
    await readAll();
    const empty = [...outcomes.values()].filter(({ status }) => status === 'empty');
    if (empty.length > 0 && empty.length === outcomes.size) {
      const { start, end } = request.range;
      log.warn(
        { event: 'load.empty' },
        `no file has a bar from ${start} up to before ${end}: ${empty[0]!.reason}; choose another --start and --end`,
      );
    }
    const merged = await withPricesMark(provider.name, request.runId, ports, (held) =>
      writer.merge(held, ports.now(), () => stopWhenAsked(signal)),
    );
    for (const [ticker, rows] of merged.rows) outcomes.set(ticker, { ...outcomes.get(ticker)!, rows });
    written.push(...[...merged.written.keys()].map((month) => pricesKey(provider.name, month)));
    const good = [...outcomes.values()].filter(({ status }) => status === 'ok' || status === 'empty').length;
    const expected = request.tickers.length;
    return { required: request.minCoverage, baseline: 'asked for', expected, good };
  };
  return finishLoad(request, ports, load, () => ({
    tickers: [...outcomes.values()],
    written,
    sessions: [],
    requests: { made: 0, retries: 0, pauses: 0, pausedMs: 0 },
  }));
}

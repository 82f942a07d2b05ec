import { isDeepStrictEqual } from 'node:util';
import {
  NEW_LISTING,
  readListings,
  saveListings,
  type KnownListing,
  type KnownListings,
} from '../lake/listings.ts';
import { listMonths } from '../lake/choose-provider.ts';
import { pricesKey } from '../lake/layout.ts';
import type { HeldMark } from '../lake/marks.ts';
import type { RowCounts } from '../lake/merge-prices.ts';
import type { Version } from '../lake/object-store.ts';
import { PricesWriter } from '../lake/prices.ts';
import { readPortsOf } from '../lake/read-ports.ts';
import { withPricesMark } from '../lake/roll-forward.ts';
import type { StagedRun } from '../lake/staged-run.ts';
import {
  monthsOfRanges,
  readStoredPrices,
  type StoredBar,
  type StoredPrices,
} from '../lake/stored-prices.ts';
import { Fetcher, type Fetched, type FetchPolicy } from '../market/fetcher.ts';
import type { Clock } from '../runtime/clock.ts';
import { addDays, utcDate, type DateRange, type IsoDate } from '../runtime/dates.ts';
import { MarketError } from '../runtime/errors.ts';
import { isCovered, measureCoverage, type Coverage } from './coverage.ts';
import { finishLoad, type FinishedLoad, type LoadRecord } from './finish.ts';
import { askedFromWith, historyFrom, reachesBack, type HistoryStart } from './history.ts';
import { judge } from './judge.ts';
import { forgetMassAbsence, updateListing } from './memory.ts';
import type { TickerOutcome, TickerStatus } from './outcome.ts';
import { historyOf, planLoad, type Ask } from './plan.ts';
import { stopWhenAsked, type LoadPorts, type LoadRequest } from './request.ts';
import { countSessions, findGaps, findStale, recentDays, type RecentCloses } from './sessions.ts';

export interface ProviderLoadRequest extends LoadRequest {
  readonly policy: FetchPolicy;
  /** See `PlanRequest`. */
  readonly isRoutine: boolean;
  readonly historyStart: IsoDate | undefined;
  /** Take answers that would be quarantined. */
  readonly isTrusted: boolean;
  readonly staged: StagedRun;
  /** What an earlier process of this run has staged. */
  readonly lines: readonly unknown[] | undefined;
}

export interface ProviderLoadPorts extends LoadPorts {
  readonly clock: Clock;
}

/** A staged line: an answer that is not merged yet, or what became of a ticker. */
type Line = AnswerLine | { readonly kind: 'settled'; readonly entry: Entry };
interface AnswerLine {
  readonly kind: 'answer';
  readonly ask: Ask;
  readonly fetched: Fetched;
  readonly restated?: string;
}

/** Where a ticker stands in this run. */
interface Entry {
  readonly outcome: TickerOutcome;
  readonly isGood: boolean;
  readonly listing: KnownListing;
  /** See `RecentCloses`; of a ticker with bars. */
  readonly recent?: number;
}

/** A ticker whose rows wait to be merged. */
interface Unmerged {
  /** What its answer covers. */
  readonly range: DateRange;
  /** Where it stood before that answer. */
  readonly before: Entry | undefined;
}

/** All of the history of a ticker is to be asked for, since its past has changed. */
interface HistoryAsk {
  readonly ask: Ask;
  readonly reason: string;
}

// About 70 MB of rows wait at most. Each merge writes all months of the window again, so few merges are cheap.
const FLUSH_ROWS = 1_000_000;

/** A step can lie between the lake's last close before an answer and its first one. */
const STEP_BACK_DAYS = 14;

/** Worth asking again when the same command goes on. */
const ASKED_AGAIN = new Set<TickerStatus>(['unattempted', 'transient', 'rate-limited', 'blocked']);
/** The provider refused everybody, or its turn did not come: that says nothing about the ticker. */
const NOT_ITS_FAULT = new Set<TickerStatus>(['unattempted', 'rate-limited', 'blocked']);
/** Not worth a line of the log for each ticker. */
const QUIET = new Set<TickerStatus>(['ok', 'empty', 'delisted', 'unattempted']);
const PRIORITY = { ticker: 0, history: 2 };

/**
 * Loads from a provider that can refuse, be late, be wrong and change its mind about the past. Every ticker ends with
 * an outcome; nothing doubtful is merged; what was fetched survives a kill.
 */
export async function loadFromProvider(
  request: ProviderLoadRequest,
  ports: ProviderLoadPorts,
): Promise<FinishedLoad> {
  const load = new ProviderLoad(request, ports);
  return finishLoad(
    request,
    ports,
    () => load.run(),
    () => load.record(),
  );
}

class ProviderLoad {
  readonly #request: ProviderLoadRequest;
  readonly #ports: ProviderLoadPorts;
  readonly #fetcher: Fetcher;
  readonly #writer: PricesWriter;
  readonly #today: IsoDate;
  /** Aborted by the caller, or by a failure that ends the run. */
  readonly #signal: AbortSignal;
  readonly #failing = new AbortController();
  readonly #entries = new Map<string, Entry>();
  readonly #written = new Set<string>();
  /** Tickers that the progress has counted. */
  readonly #counted = new Set<string>();
  #known: KnownListings = new Map();
  #history: HistoryStart | undefined;
  /** Tickers whose history does not reach back to its start; known at the end. */
  #short: number | undefined;
  /** Rows of the lake that answers are compared with. */
  #stored: StoredPrices = { of: () => [] };
  /** The objects that the lake had when the run began, or that this run has written since, by month. */
  #versions = new Map<string, Version>();
  /** Months that another load has written since. */
  readonly #moved = new Set<string>();
  #flushing: Promise<void> | undefined;
  /** Tickers whose bars wait in the writer. */
  #unmerged = new Map<string, Unmerged>();
  /** What to ask for because another load has changed the rows that an answer was compared with. */
  #again: HistoryAsk[] = [];

  constructor(request: ProviderLoadRequest, ports: ProviderLoadPorts) {
    this.#request = request;
    this.#ports = ports;
    this.#signal = AbortSignal.any([ports.signal, this.#failing.signal]);
    this.#fetcher = new Fetcher(ports.provider, request.policy, ports.clock, this.#signal);
    this.#writer = new PricesWriter(ports, ports.provider.name, { keepsKnown: true });
    this.#today = utcDate(request.startedAt);
  }

  async run(): Promise<Coverage> {
    const { store, db, provider, scratch, progress, signal } = this.#ports;
    const readPorts = readPortsOf(store, this.#ports);
    this.#versions = await this.#listVersions();
    this.#known = await readListings(store, db, provider.name, scratch, readPorts);
    const { asks, skips, history } = planLoad({ ...this.#request, today: this.#today }, this.#known);
    this.#history = history;
    const compared = comparedRanges(asks, this.#known, this.#request.range);
    this.#stored = await readStoredPrices(store, db, provider.name, compared, scratch, readPorts);
    for (const { ticker, reason } of skips) {
      this.#enter(ticker, { scope: 'window', attempts: 0, bytes: 0, status: 'delisted', reason });
    }

    progress.start('fetching', asks.length + skips.length);
    try {
      progress.advance(skips.length);
      await this.#continue();
      await this.#fetchAll(asks.filter(({ ticker }) => !this.#entries.has(ticker)));
      stopWhenAsked(signal);
      await this.#flushAll();
      await this.#askForGaps(asks);
      await this.#flushAll();
    } finally {
      progress.stop();
      this.#request.staged.close();
    }
    this.#flagStale();
    this.#flagShort();
    await this.#remember();
    const coverage = this.#coverage();
    const goesOn = !isCovered(coverage) && this.#outcomes().some(({ status }) => ASKED_AGAIN.has(status));
    if (!goesOn) await this.#request.staged.remove();
    const { silence } = this.#fetcher;
    if (silence !== undefined && !isCovered(coverage))
      throw new MarketError(`${silence}; what was fetched is kept, and the same command goes on`);
    return coverage;
  }

  record(): LoadRecord {
    const unattempted = (ticker: string): TickerOutcome => ({
      ticker,
      status: 'unattempted',
      reason: 'the run ended before its turn',
      scope: 'window',
      attempts: 0,
      bytes: 0,
    });
    return {
      tickers: this.#request.tickers.map(
        (ticker) => this.#entries.get(ticker)?.outcome ?? unattempted(ticker),
      ),
      written: [...this.#written],
      sessions: countSessions(this.#recentCloses(), this.#request.range.end),
      requests: this.#fetcher.statistics,
      ...(this.#history === undefined || this.#short === undefined
        ? {}
        : { history: { start: this.#history.date, short: this.#short } }),
    };
  }

  /** Takes up what an earlier process has staged. */
  async #continue(): Promise<void> {
    const answers = new Map<string, AnswerLine>();
    for (const line of (this.#request.lines ?? []) as readonly Line[]) {
      const status = line.kind === 'answer' ? line.fetched.answer.kind : line.entry.outcome.status;
      if (ASKED_AGAIN.has(status)) continue;
      if (line.kind === 'answer') answers.set(line.ask.ticker, line);
      else {
        const { ticker } = line.entry.outcome;
        // A run of an older version did not know of every key.
        const listing = { ...NEW_LISTING, ...line.entry.listing };
        this.#entries.set(ticker, { ...line.entry, listing });
        answers.delete(ticker);
        this.#counted.add(ticker);
        this.#ports.progress.advance();
      }
    }
    const histories: HistoryAsk[] = [];
    for (const { ask, fetched, restated } of answers.values()) {
      const again = this.#settle(ask, fetched, restated);
      if (again === undefined) continue;
      histories.push(again);
    }
    await this.#fetchHistories(histories);
  }

  async #fetchHistories(histories: readonly HistoryAsk[]): Promise<void> {
    const reasons = new Map(histories.map(({ ask, reason }) => [ask.ticker, reason]));
    await this.#fetchAll(
      histories.map(({ ask }) => ask),
      reasons,
    );
  }

  /** @param restated why the history of a ticker is asked for */
  async #fetchAll(asks: readonly Ask[], restated: ReadonlyMap<string, string> = new Map()): Promise<void> {
    const fetches = asks.map(async (ask) => {
      try {
        await this.#fetch(ask, restated.get(ask.ticker));
      } catch (error) {
        // The others end soon; without that a run that cannot write would go on asking.
        this.#failing.abort('a failure');
        throw error;
      }
    });
    const results = await Promise.allSettled(fetches);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #fetch(ask: Ask, restated: string | undefined): Promise<void> {
    let again: HistoryAsk | undefined;
    const priority = restated === undefined ? PRIORITY.ticker : PRIORITY.history;
    await this.#fetcher.fetch(ask.ticker, ask.range, priority, async (fetched) => {
      while (this.#flushing !== undefined) await this.#flushing;
      if (this.#signal.aborted && ASKED_AGAIN.has(fetched.answer.kind)) return;
      const line = { kind: 'answer', ask, fetched, ...(restated === undefined ? {} : { restated }) };
      // Staged and settled in one go: whatever is staged at the time of a flush is merged by it.
      const staging = this.#request.staged.append(line);
      again = this.#settle(ask, fetched, restated);
      await staging;
      if (this.#writer.pending >= FLUSH_ROWS) await this.#flush();
    });
    if (again !== undefined) await this.#fetch(again.ask, again.reason);
  }

  /** Decides what becomes of a ticker; resolves with what to ask for before that can be decided. */
  #settle(ask: Ask, { answer, ...sent }: Fetched, restated?: string): HistoryAsk | undefined {
    const { ticker } = ask;
    const known = this.#known.get(ticker) ?? NEW_LISTING;
    // An earlier answer of this run counts for the ticker as well.
    const entry = this.#entries.get(ticker);
    const before = entry?.outcome;
    const attempts = sent.attempts + (before?.attempts ?? 0);
    const bytes = sent.bytes + (before?.bytes ?? 0);
    const asked = { scope: ask.scope, attempts, bytes, latencyMs: sent.latencyMs };
    const fail = (status: TickerStatus, reason: string, listing = known, isGood = false): undefined => {
      // A question that was asked once more takes nothing from what came before.
      if (before?.status === 'ok') return;
      const why = restated === undefined ? reason : `${reason} (asked for its history: ${restated})`;
      this.#enter(ticker, { ...asked, status, reason: why }, listing, isGood);
    };
    if (answer.kind !== 'ok') {
      // An answer without bars where the lake has some is no reason to expect none.
      const isExpected = answer.kind === 'empty' && answer.isExpected && !hasRowsIn(known, ask.range);
      const listing = updateListing(known, answer.kind, isExpected, this.#today);
      return fail(answer.kind, answer.reason, listing, isExpected);
    }

    const { isTrusted, range } = this.#request;
    const stored = this.#stored.of(ticker);
    const judgement = judge({ ask, answer, known, stored, restated, isTrusted, today: this.#today });
    switch (judgement.verdict) {
      case 'invalid':
      case 'empty':
        return fail(judgement.verdict, judgement.reason);
      case 'quarantine':
        return fail('quarantined', judgement.reason, { ...known, suspect: judgement.suspect });
      case 'ask-history': {
        const { reason } = judgement;
        this.#entries.set(ticker, {
          outcome: { ticker, ...asked, status: 'unattempted', reason },
          isGood: false,
          listing: known,
        });
        return { ask: { ticker, range: historyOf(known, range), scope: 'history' }, reason };
      }
      default: {
        const { bars, missing, rejected, flags, replaces, confirmed } = judgement;
        const dates = bars.filter((bar) => bar.close !== null).map((bar) => bar.date);
        const { listing } = answer;
        this.#writer.add(ticker, bars, listing, replaces);
        this.#unmerged.set(ticker, { range: ask.range, before: entry });
        const outcome = {
          ...asked,
          status: 'ok' as const,
          first: bars[0]!.date,
          last: bars.at(-1)!.date,
          ...(listing.exchange === null ? {} : { exchange: listing.exchange }),
          ...(listing.currency === null ? {} : { currency: listing.currency }),
          ...(listing.quotedIn === null ? {} : { quotedIn: listing.quotedIn }),
          ...(judgement.restated === undefined ? {} : { restated: judgement.restated }),
          ...(missing.length === 0 ? {} : { missing }),
          ...(rejected === 0 ? {} : { rejected }),
          ...(flags.length === 0 ? {} : { flags }),
          ...(answer.lastStamp === null ? {} : { lastStamp: answer.lastStamp }),
          ...(before?.rows === undefined ? {} : { rows: before.rows }),
        };
        const remembered: KnownListing = {
          currency: listing.currency,
          exchange: listing.exchange,
          name: listing.name,
          // What replaces all rows may begin later than they did.
          first: replaces === undefined ? earliest(known.first, bars[0]!.date) : bars[0]!.date,
          last: latest(known.last, bars.at(-1)!.date),
          askedFrom: askedFromWith(known, ask.range),
          rows: known.rows,
          isGood: true,
          askedInFullOn: known.askedInFullOn,
          refreshedOn: ask.scope === 'history' || replaces !== undefined ? this.#today : known.refreshedOn,
          absent: null,
          suspect: null,
          confirmed: [...known.confirmed, ...confirmed],
        };
        this.#enter(ticker, outcome, remembered, true, recentDays(dates, range.end));
        return undefined;
      }
    }
  }

  #enter(
    ticker: string,
    outcome: Omit<TickerOutcome, 'ticker'>,
    listing = this.#known.get(ticker) ?? NEW_LISTING,
    isGood = false,
    recent?: number,
  ): void {
    this.#entries.set(ticker, {
      outcome: { ticker, ...outcome },
      isGood,
      listing,
      ...(recent === undefined ? {} : { recent }),
    });
    if (!this.#counted.has(ticker) && outcome.status !== 'delisted') this.#ports.progress.advance();
    this.#counted.add(ticker);
    if (!QUIET.has(outcome.status)) {
      this.#ports.log.warn(
        { event: 'load.ticker', ticker, status: outcome.status },
        `${ticker}: ${outcome.status}, ${outcome.reason}`,
      );
    }
  }

  /** Merges what waits; one at a time. */
  async #flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#unmerged.size === 0) return;
    this.#flushing = this.#merge().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  /** Merges what waits, and then what had to be asked for once more because another load was faster. */
  async #flushAll(): Promise<void> {
    for (;;) {
      await this.#flush();
      const histories = this.#again.splice(0);
      if (histories.length === 0) return;
      await this.#fetchHistories(histories);
      stopWhenAsked(this.#ports.signal);
    }
  }

  async #merge(): Promise<void> {
    const { provider, log } = this.#ports;
    await this.#request.staged.settle();
    const months = await withPricesMark(provider.name, this.#request.runId, this.#ports, (held) =>
      this.#mergeUnder(held),
    );
    await this.#request.staged.compact(
      [...this.#entries.values()].map((entry): Line => ({ kind: 'settled', entry })),
    );
    log.debug({ event: 'load.merged', written: months }, `merged ${months} months`);
  }

  /** Resolves with the number of months that were written. */
  async #mergeUnder(held: HeldMark): Promise<number> {
    const { store, provider, signal } = this.#ports;
    await this.#compareAgain();
    const tickers = [...this.#unmerged.keys()];
    // Before the rows: what is remembered may say that there is more than there is, never less.
    await saveListings(store, provider.name, this.#known, this.#listingsOf(tickers, true));
    const { rows, written } = await this.#writer.merge(held, this.#ports.now(), () => stopWhenAsked(signal));
    this.#unmerged.clear();
    for (const [ticker, counts] of rows) this.#addRows(ticker, counts);
    for (const [month, version] of written) {
      this.#written.add(pricesKey(provider.name, month));
      this.#versions.set(month, version);
    }
    return written.size;
  }

  /**
   * Answers were compared with the rows that the lake had when the run began. Those whose rows another load has changed
   * since are compared again: what was fetched before a split must not go on top of what was fetched after it, and what
   * is restated by now must not be replaced once more.
   */
  async #compareAgain(): Promise<void> {
    const { store, db, provider, scratch } = this.#ports;
    if (!(await this.#hasMoved())) return;
    const readPorts = readPortsOf(this.#ports.store, this.#ports);
    const ranges = new Map(
      [...this.#unmerged].map(([ticker, { range }]) => [ticker, withStepBack(range)] as const),
    );
    const stored = await readStoredPrices(store, db, provider.name, ranges, scratch, readPorts);
    const changed = new Map<string, readonly StoredBar[]>();
    for (const [ticker, range] of ranges) {
      const before = this.#stored.of(ticker).filter(({ date }) => date >= range.start && date < range.end);
      const now = stored.of(ticker);
      if (!isDeepStrictEqual(before, now)) changed.set(ticker, now);
    }
    if (changed.size === 0) return;
    const earlier = this.#stored;
    this.#stored = { of: (ticker) => changed.get(ticker) ?? earlier.of(ticker) };
    const listings = await readListings(store, db, provider.name, scratch, readPorts);
    this.#known = new Map([
      ...this.#known,
      ...[...changed.keys()].flatMap((ticker) => {
        const listing = listings.get(ticker);
        return listing === undefined ? [] : [[ticker, listing] as const];
      }),
    ]);
    await this.#settleAgain(new Set(changed.keys()));
  }

  /** Whether another load has written any of the months that the waiting rows touch. */
  async #hasMoved(): Promise<boolean> {
    const wanted = monthsOfRanges([...this.#unmerged.values()].map(({ range }) => withStepBack(range)));
    const now = await this.#listVersions();
    for (const month of new Set([...now.keys(), ...this.#versions.keys()])) {
      if (now.get(month) !== this.#versions.get(month)) this.#moved.add(month);
    }
    return [...wanted].some((month) => this.#moved.has(month));
  }

  async #listVersions(): Promise<Map<string, Version>> {
    const months = await listMonths(this.#ports.store, this.#ports.provider.name);
    return new Map(months.map(({ month, version }) => [month, version]));
  }

  /** Takes the waiting rows of some tickers back and decides on their answers once more. */
  async #settleAgain(tickers: ReadonlySet<string>): Promise<void> {
    const answers = new Map<string, AnswerLine>();
    for await (const line of this.#request.staged.lines() as AsyncIterable<Line>) {
      if (line.kind === 'answer' && tickers.has(line.ask.ticker)) answers.set(line.ask.ticker, line);
    }
    for (const [ticker, { ask, fetched, restated }] of answers) {
      const { before } = this.#unmerged.get(ticker)!;
      this.#unmerged.delete(ticker);
      this.#writer.drop(ticker);
      if (before === undefined) this.#entries.delete(ticker);
      else this.#entries.set(ticker, before);
      const again = this.#settle(ask, fetched, restated);
      if (again !== undefined) this.#again.push(again);
    }
  }

  #addRows(ticker: string, counts: RowCounts): void {
    const entry = this.#entries.get(ticker)!;
    const before = entry.outcome.rows;
    const rows = before === undefined ? counts : addCounts(before, counts);
    const known = this.#known.get(ticker);
    const isWhole = known === undefined || entry.outcome.scope === 'history';
    // Of a name that an earlier run was killed at, only a whole answer says how many there are.
    const total = known?.rows ?? (isWhole ? rows.unchanged + rows.changed + rows.removed : null);
    const listing = { ...entry.listing, rows: total === null ? null : total + rows.new - rows.removed };
    this.#entries.set(ticker, { ...entry, outcome: { ...entry.outcome, rows }, listing });
  }

  /** Asks once more where a part of an exchange lacks a session that the rest has. */
  async #askForGaps(asks: readonly Ask[]): Promise<void> {
    const gaps = findGaps(this.#recentCloses(), this.#request.range.end);
    if (gaps.length === 0) return;
    for (const { exchange, date, lacking } of gaps) {
      this.#ports.log.warn(
        { event: 'load.gap', exchange, date, tickers: lacking.length },
        `${exchange}: ${lacking.length} tickers lack the session of ${date} that others have; asking again`,
      );
    }
    const lacking = new Set(gaps.flatMap((gap) => gap.lacking));
    const { range } = this.#request;
    await this.#fetchAll(
      asks.filter(({ ticker }) => lacking.has(ticker)).map((ask) => ({ ...ask, range, scope: 'window' })),
    );
  }

  #flagStale(): void {
    for (const ticker of findStale(this.#recentCloses())) {
      const entry = this.#entries.get(ticker)!;
      const flags = [...(entry.outcome.flags ?? []), 'stale' as const];
      this.#entries.set(ticker, { ...entry, outcome: { ...entry.outcome, flags } });
    }
  }

  #flagShort(): void {
    const history = this.#history;
    if (history === undefined) return;
    this.#short = 0;
    for (const [ticker, { outcome, listing, ...entry }] of this.#entries) {
      // Of a name without any row its status says enough.
      const from = listing.last === null || outcome.status === 'delisted' ? null : historyFrom(listing);
      if (from === null || reachesBack(listing, history)) continue;
      this.#short += 1;
      this.#entries.set(ticker, { ...entry, listing, outcome: { ...outcome, historyFrom: from } });
    }
  }

  async #remember(): Promise<void> {
    const { store, provider } = this.#ports;
    const listings = this.#listingsOf(this.#entries.keys(), false);
    await saveListings(store, provider.name, this.#known, forgetMassAbsence(this.#known, listings));
  }

  /** @param isAhead only what the lake may have from now on; that it has the last of it is said when it is there */
  #listingsOf(tickers: Iterable<string>, isAhead: boolean): KnownListings {
    const listings = new Map<string, KnownListing>();
    for (const ticker of tickers) {
      const { listing, outcome } = this.#entries.get(ticker)!;
      const known = this.#known.get(ticker);
      if (isAhead) {
        const { currency } = listing;
        const first = earliest(known?.first ?? null, listing.first!);
        // Rows that may be there from now on are no sign of what was asked for before.
        const askedFrom = known === undefined ? null : historyFrom(known);
        listings.set(ticker, { ...(known ?? NEW_LISTING), first, askedFrom, currency, rows: null });
      } else if (known !== undefined || listing !== NEW_LISTING) {
        const isAsked = outcome.scope === 'history' && !NOT_ITS_FAULT.has(outcome.status);
        const askedInFullOn = isAsked ? this.#today : listing.askedInFullOn;
        listings.set(ticker, { ...listing, askedInFullOn });
      }
    }
    return listings;
  }

  #coverage(): Coverage {
    const counted = [...this.#entries].filter(([, { outcome }]) => outcome.status !== 'delisted');
    return measureCoverage(
      counted.map(([ticker, { isGood }]) => ({ isGood, wasGood: this.#known.get(ticker)?.isGood === true })),
      this.#request.minCoverage,
    );
  }

  #recentCloses(): RecentCloses[] {
    const closes: RecentCloses[] = [];
    for (const [ticker, { recent, outcome }] of this.#entries) {
      if (recent !== undefined)
        closes.push({ ticker, exchange: outcome.exchange ?? 'unknown', days: recent });
    }
    return closes;
  }

  #outcomes(): TickerOutcome[] {
    return [...this.#entries.values()].map(({ outcome }) => outcome);
  }
}

/** Counts of two merges of the same rows: what the first one wrote is no longer unchanged in the second. */
function addCounts(first: RowCounts, second: RowCounts): RowCounts {
  return {
    new: first.new + second.new,
    changed: first.changed + second.changed,
    unchanged: Math.max(0, second.unchanged - first.new - first.changed),
    removed: first.removed + second.removed,
  };
}

/** The rows that answers are compared with: of what is asked for, what the lake can have, and the close before it. */
function comparedRanges(
  asks: readonly Ask[],
  known: KnownListings,
  window: DateRange,
): Map<string, DateRange> {
  const ranges = new Map<string, DateRange>();
  for (const { ticker, range, scope } of asks) {
    const last = known.get(ticker)?.last ?? null;
    if (last === null) continue;
    const start = addDays(scope === 'history' ? window.start : range.start, -STEP_BACK_DAYS);
    const end = addDays(last, 1) < range.end ? addDays(last, 1) : range.end;
    if (start < end) ranges.set(ticker, { start, end });
  }
  return ranges;
}

function withStepBack({ start, end }: DateRange): DateRange {
  return { start: addDays(start, -STEP_BACK_DAYS), end };
}

function hasRowsIn({ first, last }: KnownListing, range: DateRange): boolean {
  return first !== null && last !== null && first < range.end && last >= range.start;
}

function earliest(known: IsoDate | null, date: IsoDate): IsoDate {
  return known !== null && known < date ? known : date;
}

function latest(known: IsoDate | null, date: IsoDate): IsoDate {
  return known !== null && known > date ? known : date;
}

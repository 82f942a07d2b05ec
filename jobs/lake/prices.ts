import { DOUBLE, DuckDBDataChunk, INTEGER } from '@duckdb/node-api';
import type { Bar } from '../market/bar.ts';
import type { Listing } from '../market/provider.ts';
import type { DateRange } from '../runtime/dates.ts';
import type { HeldMark } from './marks.ts';
import {
  FIGURES,
  INCOMING_COLUMNS,
  makeOwners,
  mergeMonths,
  monthsOfMerge,
  nameMerge,
  type MergePorts,
  type MergeResult,
  type Owner,
} from './merge-prices.ts';
import { RowBuffer } from './row-buffer.ts';

const CHUNK_ROWS = 2048;

/**
 * Collects bars of many tickers and merges them into the month objects of one provider, each object read and
 * written once per merge. Rows are unique on (ticker, date), the incoming row wins, rows of other tickers and dates
 * stay as they are unless they are replaced, and a row that says the same as before keeps its `fetched_at`. An
 * object in which nothing changes is not written.
 */
export class PricesWriter {
  readonly #ports: MergePorts;
  readonly #provider: string;
  readonly #keepsKnown: boolean;
  #rows = new RowBuffer();
  /** Ticker and listing of the rows, by the number they are kept under; undefined for rows that were dropped. */
  #owners: (Owner | undefined)[] = [];
  #replaced = new Map<string, DateRange>();

  /**
   * @param keepsKnown a missing value does not overwrite a known one: a price stays as long as the close beside it is
   *   the same, all prices stay where no close came in
   */
  constructor(ports: MergePorts, provider: string, { keepsKnown }: { readonly keepsKnown: boolean }) {
    this.#ports = ports;
    this.#provider = provider;
    this.#keepsKnown = keepsKnown;
  }

  /** Rows that wait for the next merge. */
  get pending(): number {
    return this.#rows.length;
  }

  /** @param replaces rows of the ticker in this range that are not among `bars` are removed */
  add(
    ticker: string,
    bars: readonly Bar[],
    { currency, exchange }: Pick<Listing, 'currency' | 'exchange'>,
    replaces?: DateRange,
  ): void {
    if (replaces !== undefined) this.#replaced.set(ticker, replaces);
    const owner = this.#owners.push({ ticker, currency, exchange }) - 1;
    for (const bar of bars) this.#rows.add(owner, bar);
  }

  /** Takes back all rows of a ticker that wait. */
  drop(ticker: string): void {
    this.#replaced.delete(ticker);
    this.#owners = this.#owners.map((owner) => (owner?.ticker === ticker ? undefined : owner));
  }

  /**
   * Merges what was added, under a mark of the provider's prices. When it throws, objects merged so far are whole and
   * stay, and the rest is rolled forward by whoever takes the mark next.
   *
   * @param afterMonth is called after each month; when it throws, the merge ends there
   */
  async merge(held: HeldMark, fetchedAt: Date, afterMonth: () => void): Promise<MergeResult> {
    const { db } = this.#ports;
    const rows = this.#rows;
    const owners = [...this.#owners.entries()].flatMap(([number, owner]) =>
      owner === undefined ? [] : [{ ...owner, number }],
    );
    const replaced = [...this.#replaced].map(([ticker, { start, end }]) => ({ ticker, start, end }));
    await this.#fillIncoming(rows);
    await makeOwners(db, { owners, replaced });
    const months = await monthsOfMerge(db);
    const merge = {
      version: 1 as const,
      provider: this.#provider,
      fetchedAtMs: fetchedAt.getTime(),
      keepsKnown: this.#keepsKnown,
      months,
      owners,
      replaced,
    };
    if (months.length > 0) await nameMerge(merge, this.#ports, held);
    // Until the mark names them they wait here: a mark can be lost before.
    this.#rows = new RowBuffer();
    this.#owners = [];
    this.#replaced = new Map();
    return mergeMonths(merge, this.#ports, held, afterMonth);
  }

  async #fillIncoming(rows: RowBuffer): Promise<void> {
    const { db } = this.#ports;
    await db.run(`create or replace temp table incoming (${INCOMING_COLUMNS.join(', ')})`);
    const appender = await db.createAppender('incoming');
    const types = [INTEGER, INTEGER, ...FIGURES.map(() => DOUBLE)];
    for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
      const to = Math.min(from + CHUNK_ROWS, rows.length);
      const chunk = DuckDBDataChunk.create(types, to - from);
      chunk.setColumns(rows.columns(from, to));
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
  }
}

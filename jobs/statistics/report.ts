import type { QueryResult, ResultValue } from '../query/engine.ts';
import type { Answer } from './functions/definition.ts';

/** What an answer was computed from, a line each. */
export function describeOrigin({
  function: name,
  window,
  method,
  weekends,
  riskFree,
  marketProxy,
  prices,
  cache,
}: Answer): string[] {
  const rows = Object.entries(prices).map(
    ([ticker, { rows: closes, first, last }]) => `${ticker} ${closes} closes ${first} to ${last}`,
  );
  return [
    `${name.padEnd(10)} ${window.start} up to before ${window.end}${method === undefined ? '' : `, by ${method}`}${weekends === true ? ', weekends too' : ''}`,
    ...(rows.length === 0 ? [] : [`prices     ${rows.join(', ')}`]),
    ...(riskFree === undefined
      ? []
      : [`risk-free  ${riskFree.rate} (${riskFree.maturity}, ${riskFree.date}), market ${marketProxy}`]),
    ...(method === undefined ? [] : [`cache      ${cache.hits} found, ${cache.misses} computed`]),
  ];
}

/** What a result says beside its table. */
export function describeTotals({ function: name, result }: Answer): string[] {
  if (name !== 'optimize') return [];
  const { total, cash, conditional_value_at_risk: cvar } = result as Record<string, number | undefined>;
  return [
    ...(total === undefined ? [] : [`invested   ${total.toFixed(2)}, cash ${cash!.toFixed(2)}`]),
    ...(cvar === undefined ? [] : [`cvar       ${cvar} of the value is lost on average in the tail`]),
  ];
}

/** A result as a table for people. */
export function tabulate({ function: name, result, prices }: Answer): QueryResult {
  switch (name) {
    case 'correlation': {
      const tickers = Object.keys(prices);
      const { correlation_matrix: matrix } = result as { correlation_matrix: number[][] };
      return toTable(
        ['', ...tickers],
        matrix.map((row, index) => [tickers[index]!, ...row]),
      );
    }
    case 'optimize': {
      const { holdings, ...whole } = result as { holdings: Row[] } & Row;
      const columns = Object.keys(holdings[0]!);
      const sums = columns.map((column): ResultValue => {
        if (column === 'ticker') return 'portfolio';
        if (column === 'allocation') return 1;
        return whole[column.replace('annual', 'portfolio')] ?? null;
      });
      return toTable(columns, [...holdings.map((one) => columns.map((column) => one[column]!)), sums]);
    }
    case 'frontier': {
      const { frontier, minimum_variance, maximum_sharpe, maximum_return } = result as Record<
        string,
        unknown
      > & {
        frontier: Described[];
      };
      const special = Object.entries({ minimum_variance, maximum_sharpe, maximum_return }).flatMap(
        ([what, one]) => (one === null ? [] : [[what, one as Described] as const]),
      );
      const all = [...frontier.map((one, index) => [`step ${index + 1}`, one] as const), ...special];
      const tickers = frontier[0]!.holdings.map(({ ticker }) => ticker);
      return toTable(
        ['portfolio', 'return', 'volatility', ...tickers],
        all.map(([what, { portfolio_return, portfolio_volatility, holdings }]) => [
          what,
          portfolio_return,
          portfolio_volatility,
          ...holdings.map(({ allocation }) => allocation),
        ]),
      );
    }
    case 'interest':
    case 'returns': {
      const columns = Object.entries(result as Record<string, Row>);
      const dates = [...new Set(columns.flatMap(([, values]) => Object.keys(values)))].toSorted();
      return toTable(
        ['date', ...columns.map(([column]) => column)],
        dates.map((date) => [date, ...columns.map(([, values]) => values[date] ?? null)]),
      );
    }
    case 'yield-curve': {
      const { yields } = result as { yields: Row };
      return toTable(['maturity', 'yield'], Object.entries(yields));
    }
    default: {
      const rows = Object.entries(result as Record<string, Row>);
      const columns = Object.keys(rows[0]![1]);
      return toTable(
        [name === 'moving-averages' ? 'date' : 'ticker', ...columns],
        rows.map(([key, values]) => [key, ...columns.map((column) => values[column] ?? null)]),
      );
    }
  }
}

type Row = Record<string, ResultValue>;

interface Described {
  readonly portfolio_return: number;
  readonly portfolio_volatility: number;
  readonly holdings: readonly { readonly ticker: string; readonly allocation: number }[];
}

function toTable(names: readonly string[], rows: ResultValue[][]): QueryResult {
  return { columns: names.map((name) => ({ name, type: '' })), rows };
}

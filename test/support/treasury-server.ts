import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TreasuryServer {
  readonly url: string;
  /** Yields by date and then by maturity in the Treasury's words (`3MONTH`, `10YEAR`). */
  days: Record<string, Record<string, number | null>>;
  /** Statuses to answer with before anything else, in order. */
  failures: number[];
  /** Answers bodies of its own for a form. */
  override: { xml?: string; csv?: string };
  readonly requests: string[];
  close(): Promise<void>;
}

/** The US Treasury's daily rates on this machine, as its feed and its table give them. */
export async function startTreasury(): Promise<TreasuryServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    treasury.requests.push(request.url!);
    const failure = treasury.failures.shift();
    if (failure !== undefined) {
      response.writeHead(failure).end('not now');
      return;
    }
    const year = url.searchParams.get('field_tdr_date_value')!;
    const days = Object.entries(treasury.days).filter(([date]) => date.startsWith(year));
    const isXml = url.pathname.endsWith('/pages/xml');
    const body = isXml ? (treasury.override.xml ?? toXml(days)) : (treasury.override.csv ?? toCsv(days));
    response.writeHead(200, { 'content-type': isXml ? 'text/xml' : 'text/csv' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const treasury: TreasuryServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    days: {},
    failures: [],
    override: {},
    requests: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return treasury;
}

type Days = [string, Record<string, number | null>][];

export function toXml(days: Days): string {
  const entries = days.map(([date, yields]) => {
    const elements = Object.entries(yields).flatMap(([maturity, value]) =>
      value === null ? [] : [`<d:BC_${maturity} m:type="Edm.Double">${value}</d:BC_${maturity}>`],
    );
    return `<entry><title type="text"></title><content type="application/xml"><m:properties>
      <d:NEW_DATE m:type="Edm.DateTime">${date}T00:00:00</d:NEW_DATE>${elements.join('')}
      <d:BC_30YEARDISPLAY m:type="Edm.Double">0</d:BC_30YEARDISPLAY></m:properties></content></entry>`;
  });
  return `<?xml version="1.0" encoding="utf-8"?>
    <feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"
      xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">${entries.join('\n')}</feed>`;
}

/** Newest first, as the Treasury has it. */
export function toCsv(days: Days): string {
  const maturities = [...new Set(days.flatMap(([, yields]) => Object.keys(yields)))];
  const heads = maturities.map(
    (name) => `"${name.replace('_', '.').replace('MONTH', ' Mo').replace('YEAR', ' Yr')}"`,
  );
  const lines = days.toReversed().map(([date, yields]) => {
    const [year, month, day] = date.split('-');
    return [`${month}/${day}/${year}`, ...maturities.map((name) => yields[name] ?? '')].join(',');
  });
  return [['Date', ...heads].join(','), ...lines].join('\n');
}

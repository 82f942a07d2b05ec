import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { LoadManifest } from '../../jobs/loader/outcome.ts';
import { loadFigures } from '../../jobs/report/figures/figures.ts';
import { renderPage } from '../../jobs/report/page/page.ts';
import { repository } from '../support/folders.ts';
import { generateManifests, manifestOf, outcomeOf } from '../support/manifests.ts';

const css = readFileSync(join(repository, 'jobs/report/page/page.css'), 'utf8');
const render = (manifests: readonly LoadManifest[]): string =>
  renderPage(loadFigures(manifests), {
    lake: 'file:./data/lake',
    madeAt: new Date('2026-11-21T06:00:00Z'),
    skipped: [{ key: 'runs/load/old.json', reason: 'requests <b>missing</b>' }],
    css,
  });

describe('a page of 5,000 tickers, a tenth of them in trouble, over 30 runs', () => {
  const manifests = generateManifests({ runs: 30, tickers: 5000, trouble: 0.1 });
  const page = render(manifests);

  test('is under 1 MB', () => {
    expect(manifests).toHaveLength(30);
    expect(manifests[0]!.tickers).toHaveLength(5000);
    expect(Buffer.byteLength(page)).toBeLessThan(1e6);
  });

  test('names every ticker of the last run', () => {
    const words = new Set(page.split(/[<>\s]+/));
    expect(manifests[0]!.tickers.filter(({ ticker }) => !words.has(ticker))).toEqual([]);
  });

  test('has every reason of the last run', () => {
    const reasons = manifests[0]!.tickers.flatMap(({ reason, restated }) => [reason, restated]);
    expect(reasons.filter((reason) => reason !== undefined && !page.includes(reason))).toEqual([]);
  });

  test('needs no script and nothing from elsewhere', () => {
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|url\(|@import|https?:|\bon[a-z]+=/i);
    const links = [...page.matchAll(/href="([^"]*)"/g)].map((match) => match[1]!);
    const ids = [...page.matchAll(/\bid="([^"]*)"/g)].map((match) => match[1]!);
    expect(links.map((link) => link.slice(1)).filter((target) => !ids.includes(target))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('has the sections in the order of an operator’s questions', () => {
    expect([...page.matchAll(/<h2[^>]*>([^<]+)</g)].map((match) => match[1])).toEqual([
      'Last run',
      'Trend',
      'Closes by exchange and day',
      'Failures by class',
      'Quarantined, stale and flat',
      'Delisted',
      'Restatements',
      'Latency',
      'Missing closes',
      'All tickers',
    ]);
  });

  test('has a caption in every table and a scope in every heading of one', () => {
    expect(page.match(/<table[^>]*>\s*<caption/g)).toHaveLength(page.match(/<table/g)!.length);
    expect(page.match(/<th (?:[^>]* )?scope="(?:col|row)"/g)).toHaveLength(page.match(/<th[ >]/g)!.length);
  });
});

test('text of a provider stays text, wherever it comes from', () => {
  const pageOf = (text: string): string =>
    render([
      manifestOf(
        [
          outcomeOf(text, {
            exchange: text,
            flags: ['flat', 'renamed'],
            restated: text,
            missing: ['2026-11-20'],
          }),
          outcomeOf(`${text}2`, { status: 'quarantined', reason: text, rejected: 1 }),
          outcomeOf(`${text}3`, { status: 'invalid', reason: text }),
          outcomeOf(`${text}4`, { status: 'delisted', reason: text }),
          outcomeOf(`${text}5`, { status: 'empty', reason: text }),
        ],
        {
          runId: text,
          failure: text,
          arguments: { start: text, end: text, [text]: [text] },
          versions: { [text]: text },
          sessions: [{ exchange: text, tickers: 1, closes: { '2026-11-20': 1 } }],
        },
      ),
    ]);
  const tagsOf = (page: string): string[] => page.match(/<[a-z/!]+/g)!;
  const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;`;
  const page = pageOf(evil);
  expect(tagsOf(page)).toEqual(tagsOf(pageOf('calm')));
  expect(page.match(/&quot;&#39;&gt;&lt;script&gt;/g)!.length).toBeGreaterThan(15);
  expect(page).toContain('requests &lt;b&gt;missing&lt;/b&gt;');
});

test.each([
  ['a run of no ticker', [manifestOf([])]],
  ['a single run', [manifestOf([outcomeOf('A')])]],
  ['a run in which nothing came', [manifestOf([{ ...outcomeOf('A'), status: 'unattempted', attempts: 0 }])]],
])('%s has a page without a hole', (_name, manifests) => {
  expect(render(manifests)).not.toMatch(/NaN|undefined|Infinity|null/);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { LoadManifest } from '../../jobs/loader/outcome.ts';
import { loadFigures } from '../../jobs/report/figures/figures.ts';
import { renderPage } from '../../jobs/report/page/page.ts';
import { describeWithBrowser, openBrowser } from '../support/browser.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { generateManifests, manifestOf, outcomeOf } from '../support/manifests.ts';

const folder = temporaryFolder();
const css = readFileSync(join(repository, 'jobs/report/page/page.css'), 'utf8');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

function writePage(name: string, manifests: readonly LoadManifest[]): string {
  const file = join(folder, `${name}.html`);
  const context = { lake: 's3://bucket/prefix', madeAt: new Date('2026-11-21T06:00:00Z'), skipped: [], css };
  writeFileSync(file, renderPage(loadFigures(manifests), context));
  return pathToFileURL(file).href;
}

describeWithBrowser('the report in a browser', () => {
  const manifests = generateManifests({ runs: 30, tickers: 5000, trouble: 0.1 });
  const large = writePage('large', manifests);
  // Nothing in a manifest says how long a text is, or that it has a place to break.
  const long = 'x'.repeat(300);
  const awkward = writePage('awkward', [
    manifestOf(
      [
        outcomeOf(long.slice(0, 40), { exchange: long, flags: ['flat'], restated: long }),
        outcomeOf(`<b>${long}</b>`, { status: 'invalid', reason: long }),
        ...['1', '2', '3'].map((name) => outcomeOf(long + name, { status: 'blocked', reason: long })),
      ],
      {
        runId: long,
        failure: long,
        arguments: { path: long },
        requests: { made: 1e9, retries: 1e9, pauses: 1e6, pausedMs: 1e10 },
        rows: { new: 1e9, changed: 1e9, unchanged: 1e9, removed: 1e9 },
        sessions: [
          {
            exchange: long,
            tickers: 9,
            closes: Object.fromEntries(
              [16, 17, 18, 19, 20, 21, 22].map((day) => [`2026-11-${day}`, day - 14]),
            ),
          },
        ],
      },
    ),
  ]);
  const pages = { large, awkward };
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  async function open(url: string, options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  const unfold = (page: Page): Promise<void> =>
    page.locator('details').evaluateAll((folds) => {
      for (const fold of folds) fold.setAttribute('open', '');
    });

  test('is complete without JavaScript and asks for nothing else', async () => {
    const page = await open('about:blank', { javaScriptEnabled: false });
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(large);
    expect(asked).toEqual([large]);
    expect(complaints).toEqual([]);

    const words = new Set((await page.locator('main').textContent())!.split(/\s+/));
    expect(manifests[0]!.tickers.filter(({ ticker }) => !words.has(ticker))).toEqual([]);
    expect(await page.locator('h2').count()).toBe(10);
    expect(await page.getByRole('img', { name: /Line of the coverage of 30 runs/ }).isVisible()).toBe(true);

    const good = page.locator('#tickers details').first();
    expect(await good.locator('li').first().isVisible()).toBe(false);
    await good.locator('summary').click();
    expect(await good.locator('li').first().isVisible()).toBe(true);
    await page.context().close();
  });

  test.each([
    ['large', 1280],
    ['large', 400],
    ['large', 320],
    ['awkward', 1280],
    ['awkward', 400],
  ] as const)('the %s page has no horizontal scroll at %d pixels, all unfolded', async (name, width) => {
    const page = await open(pages[name], { javaScriptEnabled: false, viewport: { width, height: 800 } });
    await unfold(page);
    const root = await page
      .locator(':root')
      .evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }));
    expect(root.clientWidth).toBe(width);
    expect(root.scrollWidth).toBeLessThanOrEqual(width);
    await page.context().close();
  });

  test('paper shows what is folded on the screen', async () => {
    const page = await open(large, { javaScriptEnabled: false });
    const folded = page.locator('#tickers details li').first();
    expect(await folded.evaluate((item) => item.checkVisibility())).toBe(false);
    await page.emulateMedia({ media: 'print' });
    expect(await folded.evaluate((item) => item.checkVisibility())).toBe(true);
    await page.context().close();
  });

  test.each([
    ['large', 'light', 1280, 'unfolded'],
    ['large', 'dark', 400, 'as it opens'],
    ['awkward', 'dark', 400, 'unfolded'],
  ] as const)(
    'axe finds nothing on the %s page in %s at %d pixels, %s',
    async (name, colorScheme, width, state) => {
      // The page's own policy would keep axe out.
      const page = await open(pages[name], {
        colorScheme,
        viewport: { width, height: 800 },
        bypassCSP: true,
      });
      if (state === 'unfolded') await unfold(page);
      await page.addScriptTag({ content: axe });
      const { violations, incomplete, passes } = await page.evaluate<AxeResults>('axe.run()');
      expect(violations.map(({ id, nodes }) => [id, nodes.length, nodes[0]!.html])).toEqual([]);
      // It cannot tell the contrast of text in SVG, which has the colours of the text around it.
      const undecided = incomplete.flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.html}`));
      expect(undecided.filter((found) => !found.startsWith('color-contrast <text'))).toEqual([]);
      expect(passes.map(({ id }) => id)).toEqual(expect.arrayContaining(['color-contrast', 'svg-img-alt']));
      await page.context().close();
    },
  );
});

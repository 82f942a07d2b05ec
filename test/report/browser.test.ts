import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { html } from '../../jobs/drawing/html.ts';
import { renderPicture } from '../../jobs/drawing/picture.ts';
import type { LoadManifest } from '../../jobs/loader/outcome.ts';
import { loadFigures } from '../../jobs/report/figures/figures.ts';
import { renderPage, type PageContext } from '../../jobs/report/page/page.ts';
import { oneFontOnly, openBrowser } from '../support/browser.ts';
import { describeWith } from '../support/describe-with.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { generateManifests, manifestOf, outcomeOf } from '../support/manifests.ts';

const folder = temporaryFolder();
const css = readFileSync(join(repository, 'jobs/report/page/page.css'), 'utf8');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

function writePage(
  name: string,
  manifests: readonly LoadManifest[],
  about: Pick<PageContext, 'lake' | 'skipped'> = { lake: 's3://bucket/prefix', skipped: [] },
): string {
  const context = { ...about, madeAt: new Date('2026-11-21T06:00:00Z'), css };
  return write(name, renderPage(loadFigures(manifests), context));
}

function write(name: string, page: string): string {
  const file = join(folder, `${name}.html`);
  writeFileSync(file, page);
  return pathToFileURL(file).href;
}

/** The page around a plot of statistics or strategies. */
function writePicture(title: string): string {
  const picture = html`<text x="20" y="90">${title}</text>`;
  return write('picture', renderPicture({ title, subtitle: title, picture }, 'html'));
}

/** Styles that a reader may put over the page's own: other fonts, wider ones, larger text. */
const FONTS = {
  'its own fonts': '',
  serif: '* { font-family: serif !important; }',
  'sans-serif': '* { font-family: sans-serif !important; }',
  monospace: '* { font-family: monospace !important; }',
  'wide letters': '* { letter-spacing: 0.25em !important; word-spacing: 0.5em !important; }',
};
const SIZES = { '100 %': '', '200 %': ':root { font-size: 200%; }' };

/** The fonts of this machine and, where the browser lets us choose, one of them alone. */
const fontSets =
  process.platform === 'linux' ? (['all fonts', 'one font'] as const) : (['all fonts'] as const);

describeWith('browser', 'the report in a browser', () => {
  const manifests = generateManifests({ runs: 30, tickers: 5000, trouble: 0.1 });
  const large = writePage('large', manifests);
  const ordinary = writePage('ordinary', generateManifests({ runs: 30, tickers: 300, trouble: 0.3 }));
  // Nothing in a manifest says how long a text is, or that it has a place to break.
  const long = 'x'.repeat(300);
  const awkward = writePage(
    'awkward',
    [
      manifestOf(
        [
          outcomeOf(long.slice(0, 40), { exchange: long, flags: ['flat'], restated: long }),
          outcomeOf(`<b>${long}</b>`, { status: 'invalid', reason: long }),
          ...['1', '2', '3'].map((name) => outcomeOf(long + name, { status: 'blocked', reason: long })),
        ],
        {
          runId: long,
          failure: long,
          arguments: { path: long, [long]: long },
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
    ],
    { lake: `s3://${long}`, skipped: [{ key: long, reason: long }] },
  );
  const pages = { large, ordinary, awkward, picture: writePicture(long) };
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  const open = (url: string, options: BrowserContextOptions): Promise<Page> => openIn(browser, url, options);

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

  describe.each(fontSets)('with %s', (fonts) => {
    let reader: Browser;
    beforeAll(async () => {
      reader = fonts === 'one font' ? await openBrowser(oneFontOnly(folder)) : await openBrowser();
    });
    afterAll(() => reader.close());

    test('text is in the fonts that there are', async () => {
      const page = await openIn(reader, 'about:blank', {});
      await page.setContent(
        ['serif', 'sans-serif', 'monospace']
          .map((font) => `<span style="font: 2rem ${font}">mild</span>`)
          .join(' '),
      );
      const widths = await page
        .locator('span')
        .evaluateAll((spans) => spans.map((span) => span.getBoundingClientRect().width));
      expect(Math.min(...widths)).toBeGreaterThan(0);
      if (fonts === 'one font') expect(new Set(widths).size).toBe(1);
      await page.context().close();
    });

    test.each(
      (['ordinary', 'awkward', 'picture'] as const).flatMap((name) =>
        [1280, 400, 320].map((width) => [name, width] as const),
      ),
    )('nothing makes the %s page wider than %d pixels, all unfolded', async (name, width) => {
      // The page's own policy would keep the reader's style out.
      const page = await openIn(reader, pages[name], { viewport: { width, height: 800 }, bypassCSP: true });
      await unfold(page);
      const style = await page.addStyleTag({ content: '/* of the reader */' });
      const found: string[] = [];
      for (const [font, fontStyle] of Object.entries(FONTS)) {
        for (const [size, sizeStyle] of Object.entries(SIZES)) {
          const root = await style.evaluate((element, text) => {
            element.textContent = text;
            const { scrollWidth, clientWidth } = element.ownerDocument!.documentElement;
            return { scrollWidth, clientWidth };
          }, fontStyle + sizeStyle);
          expect(root.clientWidth).toBe(width);
          if (root.scrollWidth > width) found.push(`${font} at ${size}: ${root.scrollWidth}`);
        }
      }
      expect(found).toEqual([]);
      await page.context().close();
    });
  });

  test.each([1280, 400, 320])('a page of 5,000 tickers is no wider than %d pixels', async (width) => {
    const page = await open(large, { javaScriptEnabled: false, viewport: { width, height: 800 } });
    await unfold(page);
    expect(await page.locator(':root').evaluate(({ scrollWidth }) => scrollWidth)).toBeLessThanOrEqual(width);
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
    ['awkward', 'light', 320, 'with large text'],
    ['ordinary', 'dark', 320, 'with large text'],
  ] as const)(
    'axe finds nothing on the %s page in %s at %d pixels, %s',
    async (name, colorScheme, width, state) => {
      // The page's own policy would keep axe out.
      const page = await open(pages[name], {
        colorScheme,
        viewport: { width, height: 800 },
        bypassCSP: true,
      });
      if (state !== 'as it opens') await unfold(page);
      if (state === 'with large text') await page.addStyleTag({ content: SIZES['200 %'] });
      await page.addScriptTag({ content: axe });
      const { violations, incomplete, passes } = await page.evaluate<AxeResults>('axe.run()');
      expect(violations.map(({ id, nodes }) => [id, nodes.length, nodes[0]!.html])).toEqual([]);
      // It cannot tell the contrast of text in SVG, which has the colours of the text around it.
      const undecided = incomplete.flatMap(({ id, nodes }) => nodes.map((node) => `${id} ${node.html}`));
      // Nor of cells that a table has scrolled away, which happens with large text alone; it has seen them without.
      const beyond = state === 'with large text' ? 'color-contrast <' : 'color-contrast <text';
      expect(undecided.filter((found) => !found.startsWith(beyond))).toEqual([]);
      expect(passes.map(({ id }) => id)).toEqual(expect.arrayContaining(['color-contrast', 'svg-img-alt']));
      await page.context().close();
    },
  );
});

async function openIn(browser: Browser, url: string, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function unfold(page: Page): Promise<void> {
  await page.locator('details').evaluateAll((folds) => {
    for (const fold of folds) fold.setAttribute('open', '');
  });
}

import { createHash } from 'node:crypto';
import type { LoadFigures } from '../figures/figures.ts';
import { formatInstant, plural } from '../format.ts';
import { html, Markup } from '../../drawing/html.ts';
import type { SkippedManifest } from '../read-manifests.ts';
import type { Section } from './parts.ts';
import { delistedSection } from './sections/delisted.ts';
import { doubtfulSection } from './sections/doubtful.ts';
import { failuresSection } from './sections/failures.ts';
import { lastRunSection } from './sections/last-run.ts';
import { latencySection } from './sections/latency.ts';
import { missingSection } from './sections/missing.ts';
import { restatementsSection } from './sections/restatements.ts';
import { sessionsSection } from './sections/sessions.ts';
import { tickersSection } from './sections/tickers.ts';
import { trendSection } from './sections/trend.ts';

const SECTIONS: readonly ((figures: LoadFigures) => Section)[] = [
  lastRunSection,
  trendSection,
  sessionsSection,
  failuresSection,
  doubtfulSection,
  delistedSection,
  restatementsSection,
  latencySection,
  missingSection,
  tickersSection,
];

export interface PageContext {
  /** URL of the lake. */
  readonly lake: string;
  readonly madeAt: Date;
  readonly skipped: readonly SkippedManifest[];
  /** The style sheet. */
  readonly css: string;
}

/**
 * The report as one HTML document that needs nothing else. Its content security policy allows its own style sheet
 * by hash and nothing more, so that text of a provider could not run or fetch anything even if it were markup.
 */
export function renderPage(figures: LoadFigures, { lake, madeAt, skipped, css }: PageContext): string {
  const sections = SECTIONS.map((section) => section(figures));
  const styleHash = createHash('sha256').update(css).digest('base64');
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'sha256-${styleHash}'"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Load report, ${figures.run.startedAt.slice(0, 10)}</title>
        ${new Markup(`<style>${css}</style>`)}
      </head>
      <body>
        <header>
          <h1>Load report</h1>
          <p>
            Lake ${lake}, ${plural(figures.runs.length, 'run')} read, made
            ${formatInstant(madeAt.toISOString())}
          </p>
          ${skipped.length > 0 ? skippedNote(skipped) : undefined}
          <nav aria-label="Sections">
            <ul>
              ${sections.map(
                ({ id, title, extent }) =>
                  html`<li>
                    <a href="#${id}">${title}</a
                    >${extent === undefined ? undefined : html` <span class="extent">${extent}</span>`}
                  </li> `,
              )}
            </ul>
          </nav>
        </header>
        <main>
          ${sections.map(
            ({ id, title, lead, body }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <div class="lead">
                  <h2 id="${id}-title">${title}</h2>
                  ${lead}
                </div>
                <div class="body">${body}</div>
              </section> `,
          )}
        </main>
        <footer>
          <p>
            Made by signals from the manifests in runs/load of the lake. Times are UTC, trading dates those of
            the exchange.
          </p>
        </footer>
      </body>
    </html>`;
  return `${page.text}\n`;
}

function skippedNote(skipped: readonly SkippedManifest[]): Markup {
  return html`<details class="skipped">
    <summary>${plural(skipped.length, 'manifest')} left out, damaged or of another version</summary>
    <ul>
      ${skipped.map(({ key, reason }) => html`<li>${key}: ${reason}</li>`)}
    </ul>
  </details>`;
}

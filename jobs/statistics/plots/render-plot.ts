import { html, type Markup } from '../../report/html.ts';
import { UsageError } from '../../runtime/errors.ts';
import type { Answer } from '../functions/definition.ts';
import type { Maturity } from '../interest/yields.ts';
import { HEIGHT, WIDTH } from './chart.ts';
import { drawDistribution } from './distribution.ts';
import { drawFrontier, type PlottedFrontier } from './frontier.ts';
import { drawHeatMap } from './heat-map.ts';
import { drawYieldCurve } from './yield-curve.ts';

/** A picture with what is said above it. */
interface Drawing {
  readonly title: string;
  readonly subtitle: string;
  readonly picture: Markup;
}

/** An answer drawn as `svg`, or as an `html` page with it. Throws UsageError for one that has no picture. */
export function renderPlot(answer: Answer, form: 'svg' | 'html'): string {
  const { title, subtitle, picture } = draw(answer);
  const svg = html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    width="${WIDTH}"
    height="${HEIGHT}"
    font-family="sans-serif"
    role="img"
  >
    <title>${title}</title>
    <rect width="${WIDTH}" height="${HEIGHT}" fill="#fff" />
    <text x="20" y="30" font-size="18" font-weight="bold">${title}</text>
    <text x="20" y="50" font-size="13" fill="#555">${subtitle}</text>
    ${picture}
  </svg>`;
  if (form === 'svg') return `${svg.text}\n`;
  return `${
    html`<!doctype html>
      <html lang="en">
        <meta charset="utf-8" /><title>${title}</title
        >${svg}
      </html>`.text
  }\n`;
}

function draw({ function: name, window: { start, end }, result, prices }: Answer): Drawing {
  const range = `${start} up to before ${end}`;
  switch (name) {
    case 'frontier': {
      const picture = drawFrontier(result as PlottedFrontier);
      return { title: 'Efficient frontier', subtitle: range, picture };
    }
    case 'correlation': {
      const { correlation_matrix: rows } = result as { correlation_matrix: number[][] };
      return { title: 'Correlations', subtitle: range, picture: drawHeatMap(rows, Object.keys(prices)) };
    }
    case 'yield-curve': {
      const { date, convention, yields } = result as {
        date: string;
        convention: string;
        yields: Record<Maturity, number | null>;
      };
      const title = `US Treasury par yields on ${date}`;
      return { title, subtitle: convention, picture: drawYieldCurve(yields) };
    }
    case 'returns': {
      const [ticker, byDate] = Object.entries(result as Record<string, Record<string, number>>)[0]!;
      const values = Object.values(byDate);
      const subtitle = `${range}, ${values.length} returns`;
      return { title: `Log returns of ${ticker}`, subtitle, picture: drawDistribution(ticker, values) };
    }
    default:
      throw new UsageError(`${name} has no picture; frontier, correlation, yield-curve and returns have one`);
  }
}

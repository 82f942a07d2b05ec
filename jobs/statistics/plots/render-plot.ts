import { UsageError } from '../../runtime/errors.ts';
import type { Answer } from '../functions/definition.ts';
import type { Maturity } from '../interest/yields.ts';
import { renderPicture, type Drawing, type PictureForm } from '../../drawing/picture.ts';
import { drawDistribution } from './distribution.ts';
import { drawFrontier, type PlottedFrontier } from './frontier.ts';
import { drawHeatMap } from './heat-map.ts';
import { drawYieldCurve } from './yield-curve.ts';

/** An answer drawn as `svg`, or as an `html` page with it. Throws UsageError for one that has no picture. */
export function renderPlot(answer: Answer, form: PictureForm): string {
  return renderPicture(draw(answer), form);
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

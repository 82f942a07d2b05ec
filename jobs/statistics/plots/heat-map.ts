import { scaleBand, scaleLinear } from 'd3-scale';
import { html, type Markup } from '../../drawing/html.ts';
import { HEIGHT, WIDTH } from '../../drawing/chart.ts';

const [LEFT, TOP, SIDE] = [130, 110, HEIGHT - 140];
/** Cells of more tickers than this are too small for a number. */
const MOST_WITH_NUMBERS = 16;
const KEY_STEPS = 40;

const shade = scaleLinear<string>([-1, 0, 1], ['#67a9cf', '#f7f7f7', '#ef8a62']);

/** A square a pair, with a key of the colours. */
export function drawHeatMap(rows: readonly (readonly number[])[], names: readonly string[]): Markup {
  const x = scaleBand<number>(names.keys(), [LEFT, LEFT + SIDE]);
  const y = scaleBand<number>(names.keys(), [TOP, TOP + SIDE]);
  const cell = x.bandwidth();
  const size = Math.min(13, 0.8 * cell);
  const key = scaleLinear([-1, 1], [TOP + SIDE, TOP]);
  const step = SIDE / KEY_STEPS;
  return html`<g font-size="${size}">
      ${names.map((name, index) => {
        const [column, row] = [x(index)! + cell / 2, y(index)! + cell / 2];
        return html`<text x="${LEFT - 8}" y="${row + size / 3}" text-anchor="end">${name}</text>
          <text transform="translate(${column + size / 3},${TOP - 8}) rotate(-45)">${name}</text>`;
      })}
      ${rows.map((row, r) =>
        row.map(
          (rho, c) =>
            html`<rect x="${x(c)!}" y="${y(r)!}" width="${cell}" height="${cell}" fill="${shade(rho)}"
                ><title>${names[r]!}, ${names[c]!}: ${rho.toFixed(4)}</title></rect
              >${names.length > MOST_WITH_NUMBERS ? undefined : html`<text x="${x(c)! + cell / 2}" y="${y(r)! + cell / 2 + size / 3}" text-anchor="middle">${rho.toFixed(2)}</text>`}`,
        ),
      )}
    </g>
    <g font-size="12">
      ${Array.from({ length: KEY_STEPS }, (_, index) => {
        const top = TOP + index * step;
        return html`<rect
          x="${WIDTH - 120}"
          y="${top}"
          width="20"
          height="${step + 0.5}"
          fill="${shade(key.invert(top + step / 2))}"
        />`;
      })}
      ${[-1, -0.5, 0, 0.5, 1].map((rho) => html`<text x="${WIDTH - 92}" y="${key(rho) + 4}">${rho}</text>`)}
    </g>`;
}

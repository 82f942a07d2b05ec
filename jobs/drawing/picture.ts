import { HEIGHT, WIDTH } from './chart.ts';
import { html, type Markup } from './html.ts';

/** A picture with what is said above it. */
export interface Drawing {
  readonly title: string;
  readonly subtitle: string;
  readonly picture: Markup;
}

/** A picture alone, or a page with it. */
export type PictureForm = 'svg' | 'html';

export function renderPicture({ title, subtitle, picture }: Drawing, form: PictureForm): string {
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
        <meta charset="utf-8" /><meta name="viewport" content="width=device-width, initial-scale=1" /><title>
          ${title}</title
        ><style>
          svg {
            max-width: 100%;
            height: auto;
          }
        </style>
        ${svg}
      </html>`.text
  }\n`;
}

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instance } from '@viz-js/viz';

/* Draws each .dot file of this folder as the .svg beside it: npm run -s pictures. */

const viz = await instance();
for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.dot'))) {
  const path = join(import.meta.dirname, file);
  writeFileSync(
    path.replace('.dot', '.svg'),
    viz.renderString(readFileSync(path, 'utf8'), { format: 'svg' }),
  );
}

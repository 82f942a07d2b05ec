import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { instance } from '@viz-js/viz';
import { repository } from './support/folders.ts';

const folder = join(repository, 'doc/pictures');
const sources = readdirSync(folder).filter((name) => name.endsWith('.dot'));

test.each(sources)('%s is drawn as it is now (npm run -s pictures)', async (source) => {
  const viz = await instance();
  const drawn = viz.renderString(readFileSync(join(folder, source), 'utf8'), { format: 'svg' });
  expect(readFileSync(join(folder, source.replace('.dot', '.svg')), 'utf8')).toBe(drawn);
});

import { CATALOGUE } from '../jobs/features/catalogue.ts';
import { FeatureComputer } from '../jobs/features/compute.ts';
import { Workspace } from '../jobs/features/indicator.ts';
import { randomWalk } from '../test/support/series.ts';
import { median } from './median.ts';

const REPEATS = 9;

/** Nanoseconds per row of each indicator, of all 86 columns, and of copying one column, the floor of any column. */
export function benchKernels(rows: number, series: number): unknown {
  const walks = Array.from({ length: series }, (_, index) => randomWalk(rows, index + 1));
  const workspace = new Workspace(rows);
  const time = (work: (index: number) => void): number => {
    const once = (): number => {
      const from = performance.now();
      for (let index = 0; index < series; index += 1) work(index);
      return ((performance.now() - from) * 1e6) / (series * rows);
    };
    for (let warmUp = 0; warmUp < 3; warmUp += 1) once();
    return Math.round(median(Array.from({ length: REPEATS }, once)) * 10) / 10;
  };
  const indicators = CATALOGUE.map(({ name, family, columns, kernel }) => {
    const out = columns.map(() => new Float64Array(rows));
    const nsPerRow = time((index) => kernel(walks[index]!, out, workspace, 'causal'));
    return { name, family, columns: columns.map((column) => column.name), nsPerRow };
  });
  const computer = new FeatureComputer('all', 'causal', rows);
  const copy = new Float64Array(rows);
  return {
    rows,
    series,
    repeats: REPEATS,
    node: process.versions.node,
    allColumnsNsPerRow: time((index) => computer.compute(walks[index]!)),
    sumOfIndicatorsNsPerRow: Math.round(indicators.reduce((sum, { nsPerRow }) => sum + nsPerRow, 0)),
    copyOfOneColumnNsPerRow: time((index) => copy.set(walks[index]!.close)),
    indicators,
  };
}

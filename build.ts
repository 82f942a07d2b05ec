import { rm } from 'node:fs/promises';
import { build, type BuildOptions } from 'esbuild';

/*
 * Bundles every entry of jobs/ and lambda/ into dist/, or into the folder given: what the images, the Lambdas and the
 * installed package run. Native parts stay outside; some dependencies are CommonJS and ask for `require`, which an ES
 * module has to make.
 *
 * The command line is split into an entry and chunks: a command reads only the chunks that it needs, and Node keeps
 * compiled only what is loaded after the entry has asked for that.
 */
const [folder = 'dist'] = process.argv.slice(2);
const shared: BuildOptions = {
  bundle: true,
  minify: true,
  keepNames: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  external: ['@duckdb/*'],
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  legalComments: 'linked',
  logLevel: 'warning',
};
await rm(folder, { recursive: true, force: true });
const cli = await build({
  ...shared,
  entryPoints: ['jobs/cli.ts'],
  outdir: folder,
  splitting: true,
  chunkNames: 'cli-[hash]',
  metafile: true,
});
const jobs = await build({
  ...shared,
  entryPoints: ['jobs/load.ts', 'jobs/transform.ts', 'jobs/features/feature-worker.ts'],
  outdir: folder,
  entryNames: '[name]',
  metafile: true,
});
// Lambda takes a file for an ES module by its name alone.
const lambdas = await build({
  ...shared,
  entryPoints: { index: 'lambda/statistics/handler.ts' },
  outdir: `${folder}/lambda/statistics`,
  outExtension: { '.js': '.mjs' },
  metafile: true,
});
const outputs = { ...cli.metafile.outputs, ...jobs.metafile.outputs, ...lambdas.metafile.outputs };
for (const [file, { bytes }] of Object.entries(outputs)) {
  if (/\.m?js$/.test(file)) process.stdout.write(`${file} ${(bytes / 1e6).toFixed(2)} MB\n`);
}

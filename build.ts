import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

/*
 * Bundles every entry of jobs/ into dist/: what the images, the Lambdas and the installed package run. Native parts
 * stay outside; some dependencies are CommonJS and ask for `require`, which an ES module has to make.
 */
await rm('dist', { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ['jobs/cli.ts', 'jobs/load.ts', 'jobs/transform.ts', 'jobs/features/feature-worker.ts'],
  outdir: 'dist',
  entryNames: '[name]',
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
  metafile: true,
});
for (const [file, { bytes }] of Object.entries(metafile.outputs)) {
  if (file.endsWith('.js')) process.stdout.write(`${file} ${(bytes / 1e6).toFixed(2)} MB\n`);
}

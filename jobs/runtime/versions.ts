import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { version as duckdb } from '@duckdb/node-api';
import { packageRoot } from './package-root.ts';

const { version: signals, dependencies } = JSON.parse(
  readFileSync(join(packageRoot, 'package.json'), 'utf8'),
) as { version: string; dependencies: Record<string, string> };

/** What a run was made with, for manifests. */
export const versions: Readonly<Record<string, string>> = {
  signals,
  node: process.versions.node,
  duckdb: duckdb(),
  // Pinned exactly, so this is what was installed.
  'yahoo-finance2': dependencies['yahoo-finance2']!,
};

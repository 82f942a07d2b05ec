import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { version as duckdb } from '@duckdb/node-api';
import { packageRoot } from './package-root.ts';

const { version: signals } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
};

/** What a run was made with, for manifests. */
export const versions: Readonly<Record<string, string>> = {
  signals,
  node: process.versions.node,
  duckdb: duckdb(),
};

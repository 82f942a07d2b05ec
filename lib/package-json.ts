import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../jobs/runtime/package-root.ts';

const { version, devDependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
  version: string;
  devDependencies: Record<string, string>;
};

/** Version of the project. */
export const VERSION = version;

/** Version of a command line that the project is developed with; package.json has it exactly. */
export function toolVersion(name: 'aws-cdk' | 'cdk-assets'): string {
  return devDependencies[name]!;
}

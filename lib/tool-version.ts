import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../jobs/runtime/package-root.ts';

/** Version of a command line that the project is developed with; package.json has it exactly. */
export function toolVersion(name: 'aws-cdk' | 'cdk-assets'): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { devDependencies: Record<string, string> }).devDependencies[name]!;
}

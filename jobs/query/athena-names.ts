import type { AthenaNames, Environment } from '../runtime/environment.ts';

/** What to ask Athena with about a lake: its tables are those of the one lake that the environment names. */
export function athenaOf({ athena, lake }: Environment, lakeUrl: string): AthenaNames | undefined {
  return lakeUrl === lake && lakeUrl.startsWith('s3:') ? athena : undefined;
}

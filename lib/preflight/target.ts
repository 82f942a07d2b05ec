import type { Access } from '../access.ts';
import type { StageName } from '../config.ts';

export type Target = StageName | 'pipeline';

/** The account and the region that the credentials reach. */
export interface Environment {
  readonly account: string;
  readonly region: string;
  readonly access: Access & { readonly region: string };
}

/** What a command of `aws` needs so that it runs with the same credentials as the preflight. */
export function profileOption({ access: { profile } }: Environment): string {
  return profile === undefined ? '' : ` --profile ${profile}`;
}

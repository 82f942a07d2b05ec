import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import mustache from 'mustache';
import { UsageError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';

const FOLDER = join(packageRoot, 'jobs/query/named');

/** A query kept under a name: SQL that means the same on DuckDB and on Athena. */
export interface NamedQuery {
  readonly name: string;
  /** The comment on its first line. */
  readonly description: string;
  /** Whether it reads a feature set. */
  readonly needsSet: boolean;
  readonly template: string;
}

/** What a template may say about the feature set that it reads. */
export interface NamedQueryContext {
  readonly set: string;
  /** Feature columns of the set, without keys. */
  readonly features: readonly string[];
}

/** All named queries, by name. */
export function listNamedQueries(): NamedQuery[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => {
      const template = readFileSync(join(FOLDER, file), 'utf8');
      return {
        name: file.slice(0, -'.sql'.length),
        description: template.split('\n', 1)[0]!.replace(/^-- /, ''),
        needsSet: template.includes('{{set}}'),
        template,
      };
    });
}

/** Throws UsageError when there is no query of that name. */
export function findNamedQuery(name: string): NamedQuery {
  const queries = listNamedQueries();
  const found = queries.find((query) => query.name === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `--name "${name}" is not known; choose ${queries.map((query) => query.name).join(', ')}`,
  );
}

/** The SQL of a named query. Names of sets and features are checked where they are made, not here. */
export function renderNamedQuery({ template }: NamedQuery, { set, features }: NamedQueryContext): string {
  const list = (names: readonly string[]): { name: string; number: number; isLast: boolean }[] =>
    names.map((name, index) => ({ name, number: index + 1, isLast: index === names.length - 1 }));
  const context = {
    set,
    width: features.length,
    features: list(features),
    unlagged: list(features.filter((name) => name.endsWith('_shift0'))),
  };
  return mustache.render(template, context, {}, { escape: String });
}

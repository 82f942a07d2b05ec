import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { defineCache } from '../jobs/commands/cache.ts';
import { defineLoad } from '../jobs/commands/load.ts';
import { defineObjects } from '../jobs/commands/objects.ts';
import { defineQuery } from '../jobs/commands/query.ts';
import { defineQuickstart } from '../jobs/commands/quickstart.ts';
import { defineReport } from '../jobs/commands/report.ts';
import { defineStats } from '../jobs/commands/stats.ts';
import { defineStrategy } from '../jobs/commands/strategy.ts';
import { defineTrading } from '../jobs/commands/trading.ts';
import { defineTransform } from '../jobs/commands/transform.ts';
import { defineUniverse } from '../jobs/commands/universe.ts';
import { defineVerify } from '../jobs/commands/verify.ts';
import { readEnvironment } from '../jobs/runtime/environment.ts';
import type { Job } from '../jobs/runtime/run-job.ts';
import { repository } from './support/folders.ts';

const read = (file: string): string => readFileSync(join(repository, file), 'utf8');
/** The text below a heading, up to the next one. */
const sections = (file: string): ReadonlyMap<string, string> =>
  new Map(
    read(file)
      .split(/^(?=#{1,3} )/m)
      .map((text) => [/^#+ (.*)/.exec(text)?.[1] ?? '', text]),
  );
const README = sections('README.md');
/** Options that the introduction of the commands explains for all of them. */
const COMMON = README.get('Commands')!;

const COMMANDS: Readonly<Record<string, [(command: Command, job: Job) => void, string]>> = {
  load: [defineLoad, README.get('load')!],
  transform: [defineTransform, README.get('transform')!],
  query: [defineQuery, README.get('query')!],
  report: [defineReport, README.get('report')!],
  verify: [defineVerify, README.get('verify')!],
  universe: [defineUniverse, README.get('universe')!],
  quickstart: [defineQuickstart, README.get('quickstart')!],
  stats: [defineStats, README.get('Statistics')!],
  cache: [defineCache, read('doc/statistics.md')],
  objects: [defineObjects, read('doc/objects-and-strategies.md')],
  strategy: [defineStrategy, read('doc/objects-and-strategies.md')],
  trading: [defineTrading, README.get('Trading state')! + read('doc/trading-state.md')],
};

const optionsOf = (command: Command): string[] => [
  ...command.options.map(({ long }) => long!),
  ...command.commands.flatMap(optionsOf),
];

describe('the documentation', () => {
  test.each(Object.entries(COMMANDS))('names every option of %s', (name, [define, text]) => {
    const command = new Command(name);
    define(command, { environment: readEnvironment({}) } as Job);
    const named = new Set(`${COMMON}${text}`.match(/--[a-z][a-z-]*/g));
    expect([...new Set(optionsOf(command))].filter((option) => !named.has(option))).toEqual([]);
  });

  test('names every variable that the jobs read, and AWS sets the others', () => {
    const known = read('jobs/runtime/environment.ts').match(/^ {2}[A-Z][A-Z_]+(?=:)/gm)!;
    const text = README.get('Environment')!;
    const missing = known.map((name) => name.trim()).filter((name) => !text.includes(`\`${name}\``));
    expect(missing).toEqual(['AWS_EXECUTION_ENV']);
  });

  const pages = [
    'README.md',
    'data/config/README.md',
    'data/sample/README.md',
    'test/reference/README.md',
    ...readdirSync(join(repository, 'doc'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => join('doc', file)),
  ];
  test.each(pages)('has no dead link in %s', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const dead = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(repository, target))) return true;
      return anchor !== undefined && ![...sections(target).keys()].some((title) => slugOf(title) === anchor);
    });
    expect(dead).toEqual([]);
  });
});

/** What a heading is called in a link. */
function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

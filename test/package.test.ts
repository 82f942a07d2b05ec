import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repository } from './support/folders.ts';

const read = (file: string): any => JSON.parse(readFileSync(join(repository, file), 'utf8'));

test('the lock file has the binaries of every platform, so that npm ci works on each', () => {
  const packages: Record<string, { optionalDependencies?: Record<string, string> }> =
    read('package-lock.json').packages;
  const missing = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined &&
        packages[`${parent}/node_modules/${name}`] === undefined,
    ),
  );
  expect(missing).toEqual([]);
});

test('every package that npm downloads has a checksum, and none names the registry it came from', () => {
  const packages: Record<
    string,
    { link?: boolean; inBundle?: boolean; integrity?: string; resolved?: string }
  > = read('package-lock.json').packages;
  const downloaded = Object.entries(packages).filter(
    ([path, { link, inBundle }]) => path !== '' && !link && !inBundle,
  );
  const unchecked = downloaded.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''));
  expect(unchecked.map(([path]) => path)).toEqual([]);
  expect(Object.keys(packages).filter((path) => packages[path]!.resolved !== undefined)).toEqual([]);
});

test('the version has an entry in the changelog, below what is not released yet', () => {
  const changelog = readFileSync(join(repository, 'CHANGELOG.md'), 'utf8');
  const headings = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  expect(headings.find((heading) => heading !== 'Unreleased')).toBe(read('package.json').version);
  expect(read('package-lock.json').version).toBe(read('package.json').version);
});

test('every dependency is pinned exactly', () => {
  const { dependencies, devDependencies } = read('package.json');
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-r\.\d+)?$/)]);
  }
});

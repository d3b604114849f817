/** The lock file is what a fresh clone is installed from, by npm and by Bun, from any registry. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const text = readFileSync(resolve(import.meta.dir, '../../package-lock.json'), 'utf8');
const packages: Record<string, Locked> = JSON.parse(text).packages;

test('names no registry', () => {
  expect(text).not.toContain('"resolved"');
});

test('has every optional package in the version asked for: npm ci refuses a lock file that lacks one', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(
        ([name, version]) => /^\d/.test(version) && packages[`node_modules/${name}`]?.version !== version,
      )
      .map(([name, version]) => `${path} → ${name}@${version}`),
  );
  expect(missing).toEqual([]);
});

test('pins every package by hash, but for tools of platforms that we do not build on', () => {
  const unpinned = Object.entries(packages).filter(([path, { integrity }]) => path !== '' && !integrity);
  for (const [path, { optional }] of unpinned) {
    expect(optional).toBe(true);
    expect(path).toMatch(/^node_modules\/@(biomejs\/cli|oxc-parser\/binding)-/);
  }
});

test('pins the runtimes of all build targets by hash', () => {
  for (const name of ['linux-x64', 'linux-aarch64', 'linux-x64-musl', 'linux-aarch64-musl']) {
    expect(packages[`node_modules/@oven/bun-${name}`]?.integrity).toStartWith('sha512-');
  }
});

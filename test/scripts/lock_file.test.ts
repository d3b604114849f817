/** The lock file is what a fresh clone is installed from, by any Bun, from any registry. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseLock } from '../../scripts/lock_file.mjs';

const ROOT = resolve(import.meta.dir, '../..');
const read = (file: string): string => readFileSync(resolve(ROOT, file), 'utf8');
const text = read('bun.lock');
const pins = parseLock(text);

test('reads names with a scope, nested packages and trailing commas', () => {
  const lock = `{ "packages": {
    "@a/b": ["@a/b@1.2.3", "", { "os": [ "!aix", ], }, "sha512-one=="],
    "c/@a/b": ["@a/b@1.0.0-rc.1", "", {}, ""],
  }, }`;
  expect(Object.fromEntries(parseLock(lock))).toEqual({
    '@a/b': { name: '@a/b', version: '1.2.3', integrity: 'sha512-one==' },
    'c/@a/b': { name: '@a/b', version: '1.0.0-rc.1', integrity: '' },
  });
});

describe('bun.lock', () => {
  test('pins every package by its hash', () => {
    const unpinned = [...pins].filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
    expect(unpinned).toEqual([]);
    expect(pins.size).toBeGreaterThan(100);
  });

  test('names no registry', () => {
    expect(text.match(/\b\w+:\/\/[^"]+/g)).toBeNull();
  });

  test('is the one lock file', () => {
    const others = ['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lockb'];
    const { stdout, success } = Bun.spawnSync(['git', 'ls-files', '--', ...others], { cwd: ROOT });
    if (success) expect(stdout.toString()).toBe('');
  });

  test('pins the runtimes that Bun can build for, all in the version of Bun itself', () => {
    const versions = [...pins.values()]
      .filter(({ name }) => name.startsWith('@oven/bun-'))
      .map(({ version }) => version);
    expect([...new Set(versions)]).toEqual([pins.get('bun')?.version ?? 'none']);
  });
});

describe('package.json', () => {
  const { dependencies, devDependencies, trustedDependencies } = JSON.parse(read('package.json'));

  test('asks for exact versions, those that are locked', () => {
    const asked: Record<string, string> = { ...dependencies, ...devDependencies };
    const locked = Object.keys(asked).map((name) => [name, pins.get(name)?.version]);
    expect(Object.fromEntries(locked)).toEqual(asked);
  });

  test('lets no package but Bun run a script when it is installed', () => {
    expect(trustedDependencies).toEqual(['bun']);
  });
});

/** The rules of the house that no compiler checks, read from the source itself. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

const SOURCE = resolve(import.meta.dir, '../src');

/** From the top: a room may import its own and those below. */
const LAYERS = ['cli', 'supervisor', 'server', 'features', 'platform'];
const ENTRY = 'main.ts';
const MAX_LINES = 300;

interface SourceFile {
  /** Relative to src/. */
  readonly path: string;
  readonly text: string;
  /** What it imports from src/, type-only imports included. */
  readonly imports: readonly string[];
}

/** Static, type-only, side-effect, dynamic and inline-type imports, and re-exports. */
const IMPORT = /\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g;
/** Comments that begin a line: a `/*` behind code may stand in a text such as a route pattern. */
const withoutComments = (text: string): string => text.replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*$)/gm, '');

function importsOf(path: string, text: string): string[] {
  return [...withoutComments(text).matchAll(IMPORT)].flatMap(([, target = '']) => {
    if (target.startsWith('@/')) return [target.slice(2)];
    return target.startsWith('.') ? [join(dirname(path), target)] : [];
  });
}

const files: readonly SourceFile[] = [...new Bun.Glob('**/*.ts').scanSync(SOURCE)].sort().map((path) => {
  const text = readFileSync(join(SOURCE, path), 'utf8');
  return { path, text, imports: importsOf(path, text).filter((target) => !target.startsWith('..')) };
});
const byPath = new Map(files.map((file) => [file.path, file]));
const roomOf = (path: string): string => path.split('/')[0] ?? '';
const featureOf = (path: string): string | null =>
  path.startsWith('features/') ? (path.split('/')[1] ?? null) : null;

/** Every import as an arrow that `isWrong` objects to. */
const arrows = (isWrong: (from: string, to: string) => boolean): string[] =>
  files.flatMap(({ path, imports }) =>
    imports.filter((target) => isWrong(path, target)).map((target) => `${path} → ${target}`),
  );

/** What stands on a way that leads back to itself. */
function circlesIn(all: readonly string[], next: (from: string) => readonly string[]): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start !== -1) {
      found.push([...way.slice(start), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const target of next(path)) walk(target, [...way, path]);
    done.add(path);
  };
  for (const path of all) walk(path, []);
  return found;
}

const circles = (): string[] =>
  circlesIn(
    files.map(({ path }) => path),
    (path) => byPath.get(path)?.imports ?? [],
  );

/** What a circle must not close over: a feature, a part of the platform, or a folder of another room. */
const folderOf = (path: string): string => {
  const parts = path.split('/');
  const depth = ['features', 'platform'].includes(parts[0] ?? '') ? 2 : parts.length - 1;
  return parts.slice(0, Math.max(1, depth)).join('/');
};

/** Folders on a way that leads back to itself. */
function circlesOfFolders(): string[] {
  const ways = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    const from = folderOf(path);
    for (const target of imports) {
      const to = folderOf(target);
      if (from !== to) ways.set(from, (ways.get(from) ?? new Set()).add(to));
    }
  }
  return circlesIn([...ways.keys()], (folder) => [...(ways.get(folder) ?? [])]);
}

describe('imports', () => {
  test('are found at all', () => {
    expect(byPath.get(ENTRY)?.imports).toContain('cli/run.ts');
    expect(importsOf('a/b.ts', "import type { X } from './c.ts';\nlet y: import('@/d/e.ts').F;")).toEqual([
      'a/c.ts',
      'd/e.ts',
    ]);
  });

  test('name files that are there, with their ending', () => {
    expect(arrows((_, target) => !byPath.has(target) && !/\.(sql|js)$/.test(target))).toEqual([]);
  });

  test('point downwards only: cli → supervisor → server → features → platform', () => {
    const rank = (path: string): number => (path === ENTRY ? -1 : LAYERS.indexOf(roomOf(path)));
    expect(arrows((from, to) => rank(from) > rank(to))).toEqual([]);
  });

  test('make no circle of files', () => {
    expect(circles()).toEqual([]);
  });

  test('make no circle of folders', () => {
    expect(circlesOfFolders()).toEqual([]);
  });

  test('name a feature from outside of it in its module list alone', () => {
    const outside = arrows(
      (from, to) =>
        !from.startsWith('features/') &&
        featureOf(to) !== null &&
        basename(to) === 'module.ts' &&
        from !== 'server/modules.ts',
    );
    expect(outside).toEqual([]);
  });

  test("take another feature's service, never its store or its routes", () => {
    const isPrivate = (path: string): boolean => /(^|_)(store|routes)\.ts$/.test(basename(path));
    expect(
      arrows((from, to) => {
        const [own, other] = [featureOf(from), featureOf(to)];
        return own !== null && other !== null && own !== other && isPrivate(to);
      }),
    ).toEqual([]);
  });

  test('tie no plugin to its sibling', () => {
    const isPlugin = (path: string): boolean => dirname(path) === 'server/plugins';
    expect(arrows((from, to) => isPlugin(from) && isPlugin(to))).toEqual([]);
  });
});

describe('source files', () => {
  const offenders = (isWrong: (file: SourceFile) => boolean): string[] =>
    files.filter(isWrong).map(({ path }) => path);
  const containing = (pattern: RegExp): string[] =>
    offenders(({ text }) => pattern.test(withoutComments(text)));

  test('belong to a room', () => {
    expect(offenders(({ path }) => path !== ENTRY && !LAYERS.includes(roomOf(path)))).toEqual([]);
  });

  test('read the environment in platform/config alone', () => {
    const readers = containing(/\bprocess\s*\.\s*env\b|\bprocess\s*\[|\bBun\.env\b|\bimport\.meta\.env\b/);
    expect(readers).toEqual(['platform/config/environment.ts']);
  });

  test('take time and randomness from platform/time alone', () => {
    expect(containing(/\bDate\.now\(|\bMath\.random\(|\brandomUUID/)).toEqual(['platform/time/clock.ts']);
  });

  test(`have at most ${MAX_LINES} lines`, () => {
    expect(offenders(({ text }) => text.split('\n').length > MAX_LINES + 1)).toEqual([]);
  });

  test('bear names that say what they are for', () => {
    const vague = /^(utils?|helpers?|managers?|types?|interfaces?|common|misc|index)\.ts$/;
    expect(offenders(({ path }) => vague.test(basename(path)))).toEqual([]);
  });

  test('begin by saying what they are for', () => {
    expect(offenders(({ text }) => !text.startsWith('/**') && !text.startsWith('// '))).toEqual([]);
  });

  test('switch off neither types nor lint', () => {
    expect(offenders(({ text }) => /@ts-(ignore|expect-error|nocheck)|biome-ignore/.test(text))).toEqual([]);
  });

  test('re-export nothing', () => {
    expect(containing(/\bexport\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*from\b/)).toEqual([]);
  });
});

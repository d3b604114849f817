/** Building only when it is needed, and by several at once. In a project of its own with a source of one line. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@test/support/folder.ts';
import { isFresh } from '../../scripts/freshness.ts';

const ROOT = resolve(import.meta.dir, '../..');

const touch = (path: string, epochMs: number): void => utimesSync(path, new Date(epochMs), new Date(epochMs));

describe('an executable', () => {
  const NOW = Date.UTC(2026, 0, 1);

  async function withFiles(check: (at: (name: string) => string) => void): Promise<void> {
    await using folder = temporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    mkdirSync(at('src/deep'), { recursive: true });
    for (const name of ['executable', 'src/deep/main.ts', 'src/old.ts', 'bun.lock'])
      writeFileSync(at(name), '');
    for (const name of ['src/deep/main.ts', 'src/old.ts', 'bun.lock', 'src/deep', 'src'])
      touch(at(name), NOW);
    touch(at('executable'), NOW + 1);
    check(at);
  }
  const fresh = (at: (name: string) => string): boolean =>
    isFresh(at('executable'), [at('src'), at('bun.lock'), at('not there')]);

  test('is fresh when it is newer than all its sources', () =>
    withFiles((at) => expect(fresh(at)).toBe(true)));

  test('is not when it is missing', () =>
    withFiles((at) => {
      rmSync(at('executable'));
      expect(fresh(at)).toBe(false);
    }));

  for (const changed of ['src/deep/main.ts', 'bun.lock']) {
    test(`is not when ${changed} has changed`, () =>
      withFiles((at) => {
        touch(at(changed), NOW + 1);
        expect(fresh(at)).toBe(false);
      }));
  }

  test('is not when a source has gone', () =>
    withFiles((at) => {
      rmSync(at('src/old.ts'));
      expect(fresh(at)).toBe(false);
    }));
});

describe('scripts/build.ts', () => {
  let project: TemporaryFolder;
  const at = (name: string): string => join(project.path, name);

  beforeAll(() => {
    project = temporaryFolder();
    for (const name of ['scripts', 'package.json', 'bun.lock', 'tsconfig.json']) {
      cpSync(join(ROOT, name), at(name), { recursive: true });
    }
    mkdirSync(at('src'));
    writeFileSync(at('src/main.ts'), "console.log('hello');\n");
  });
  afterAll(() => project.remove());

  function build(...args: string[]): Bun.Subprocess<'ignore', 'pipe', 'inherit'> {
    return Bun.spawn([process.execPath, 'scripts/build.ts', ...args], {
      cwd: project.path,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
    });
  }
  const executed = (): string => Bun.spawnSync([at('dist/automation-orchestrator')]).stdout.toString();

  test('two at once: one builds, the other waits for it', async () => {
    const builds = [build('--if-stale'), build('--if-stale')];
    const said = await Promise.all(builds.map(({ stdout }) => new Response(stdout).text()));
    expect(await Promise.all(builds.map(({ exited }) => exited))).toEqual([0, 0]);
    expect(said.filter((text) => text.includes('dist/automation-orchestrator'))).toHaveLength(1);
    expect(executed()).toBe('hello\n');
  });

  test('leaves one that is executed alone, and replaces it when its source has changed', async () => {
    writeFileSync(
      at('src/main.ts'),
      "console.log('waiting'); await Bun.stdin.text(); console.log('done');\n",
    );
    await build('--if-stale').exited;
    const running = Bun.spawn([at('dist/automation-orchestrator')], { stdin: 'pipe', stdout: 'pipe' });
    writeFileSync(at('src/main.ts'), "console.log('hello again');\n");
    expect(await build('--if-stale').exited).toBe(0);
    expect(executed()).toBe('hello again\n');
    running.stdin.end();
    expect(await new Response(running.stdout).text()).toBe('waiting\ndone\n');
  });

  test('a build that fails says so, and leaves the last good one', async () => {
    const before = executed();
    writeFileSync(at('src/main.ts'), "import 'nowhere';\n");
    const failing = Bun.spawnSync([process.execPath, 'scripts/build.ts'], { cwd: project.path });
    expect(failing.exitCode).toBe(1);
    expect(failing.stderr.toString()).toContain('dist/automation-orchestrator was not built: ');
    expect(executed()).toBe(before);
    expect(existsSync(at('dist/automation-orchestrator'))).toBe(true);
    expect(readdirSync(at('dist')).sort()).toEqual(['SHA256SUMS', 'automation-orchestrator']);
  });
});

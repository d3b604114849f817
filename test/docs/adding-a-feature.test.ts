/** The page "Add a feature" is followed to the letter, in a copy of the source. */
import { expect, test } from 'bun:test';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';
import { startServer } from '@test/support/server.ts';

const ROOT = resolve(import.meta.dir, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/adding-a-feature.md'), 'utf8');

/** The code blocks of the page, by the file that is named last before each. */
const files = (): Map<string, string> => {
  const found = [...PAGE.matchAll(/`(src\/features\/[\w/.]+)`[^`]*(?:`[^`]*`[^`]*)*?```ts\n([\s\S]*?)```/g)];
  return new Map(found.map(([, path = '', code = '']) => [path, code]));
};

function run(folder: string, ...command: string[]): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: folder });
  expect(`${stdout}${stderr}`, command.join(' ')).not.toContain('error TS');
  expect(exitCode, `${command.join(' ')}:\n${stdout}${stderr}`).toBe(0);
}

test('has at most 60 lines, and names the three files of a feature', () => {
  expect(PAGE.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  expect([...files().keys()]).toEqual([
    'src/features/notes/tables.ts',
    'src/features/notes/routes.ts',
    'src/features/notes/module.ts',
  ]);
});

test('makes a feature that works in the binary, by its folder and one list alone', async () => {
  await using folder = temporaryFolder();
  for (const part of ['src', 'scripts', 'package.json', 'tsconfig.json', 'bun.lock']) {
    cpSync(join(ROOT, part), join(folder.path, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
  for (const [path, code] of files()) {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), code);
  }
  const list = join(folder.path, 'src/server/modules.ts');
  const text = readFileSync(list, 'utf8')
    .replace(
      'import type { FeatureModule }',
      "import { notesModule } from '@/features/notes/module.ts';\nimport type { FeatureModule }",
    )
    .replace('  adminModule,\n];', '  adminModule,\n  notesModule,\n];');
  writeFileSync(list, text);

  const config = { extends: './tsconfig.json', include: ['src'] };
  writeFileSync(join(folder.path, 'tsconfig.source.json'), JSON.stringify(config));
  run(folder.path, process.execPath, 'run', '--bun', 'tsc', '--noEmit', '-p', 'tsconfig.source.json');
  run(folder.path, process.execPath, 'scripts/build.ts');

  const binary = join(folder.path, 'dist/automation-orchestrator');
  await using server = await startServer({ binary, workers: 1 });
  const operator = (await server.userToken('operator')).token;
  const viewer = (await server.userToken('viewer')).token;
  const body = { text: 'Call back on Monday' };
  const made = await server.request('POST', '/api/notes', { token: operator, body });
  expect(made.status).toBe(200);
  expect(made.json()).toMatchObject(body);
  expect((await server.request('POST', '/api/notes', { token: viewer, body })).status).toBe(403);
  expect((await server.request('POST', '/api/notes', { body })).status).toBe(401);
  const document = await server.request('GET', '/api/openapi.json');
  expect(document.text).toContain('createNote');
}, 120_000);

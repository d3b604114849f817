/** Bun is fetched with the hash that bun.lock pins, or not at all; against a registry of this test's own. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@test/support/folder.ts';
import { describeWith } from '@test/support/services.ts';
import { packageFor } from '../../scripts/runtime.mjs';

const ROOT = resolve(import.meta.dir, '../..');
const NAME = '@oven/bun-linux-x64';
const VERSION = '9.9.9';
const FILE = `${NAME}/-/bun-linux-x64-${VERSION}.tgz`;

describe('the package with Bun', () => {
  test.each([
    ['linux', 'x64', false, '@oven/bun-linux-x64'],
    ['linux', 'x64', true, '@oven/bun-linux-x64-musl'],
    ['linux', 'arm64', false, '@oven/bun-linux-aarch64'],
    ['linux', 'arm64', true, '@oven/bun-linux-aarch64-musl'],
    ['darwin', 'arm64', false, '@oven/bun-darwin-aarch64'],
    ['darwin', 'x64', false, '@oven/bun-darwin-x64'],
    ['android', 'arm64', true, '@oven/bun-linux-aarch64-android'],
    ['freebsd', 'x64', false, '@oven/bun-freebsd-x64'],
    ['win32', 'arm64', false, '@oven/bun-windows-aarch64'],
  ])('for %s on %s, musl %p, is %s', (platform, arch, musl, name) => {
    expect(packageFor(platform, arch, musl)).toBe(name);
    expect(readFileSync(join(ROOT, 'bun.lock'), 'utf8')).toContain(`    "${name}": ["${name}@`);
  });

  test('is refused by name where there is none', () => {
    expect(() => packageFor('sunos', 'x64', false)).toThrow('there is no Bun for sunos on x64');
  });
});

let tarball: Buffer<ArrayBuffer>;
let registry: Bun.Server<undefined>;

beforeAll(async () => {
  await using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'package/bin'), { recursive: true });
  writeFileSync(join(folder.path, 'package/package.json'), JSON.stringify({ name: NAME, version: VERSION }));
  writeFileSync(join(folder.path, 'package/bin/bun'), 'the runtime');
  tarball = Buffer.from(Bun.spawnSync(['tar', '-czf', '-', '-C', folder.path, 'package']).stdout);
  registry = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ url }) => {
      const path = decodeURIComponent(new URL(url).pathname);
      if (path === `/${FILE}`) return new Response(tarball);
      if (path !== `/${NAME}`) return new Response('{}', { status: 404 });
      // What the registry says of itself is worth nothing: only the lock file is believed.
      const dist = { tarball: new URL(FILE, registry.url).href, integrity: hashOf(tarball) };
      const only = { name: NAME, version: VERSION, dist };
      return Response.json({ name: NAME, 'dist-tags': { latest: VERSION }, versions: { [VERSION]: only } });
    },
  });
});
afterAll(() => registry.stop(true));

const hashOf = (bytes: Uint8Array | string): string =>
  `sha512-${new Bun.CryptoHasher('sha512').update(bytes).digest('base64')}`;

const hasNpm = Bun.which('node') !== null && Bun.which('npm') !== null;
const INTERPRETERS = [
  { name: 'Bun', command: process.execPath, installed: true },
  { name: 'Node with npm', command: 'node', installed: hasNpm },
];

for (const { name: interpreter, command, installed } of INTERPRETERS) {
  describeWith(interpreter, installed, `with ${interpreter}`, () => {
    let project: TemporaryFolder;
    const cached = (): string[] => readdirSync(join(project.path, '.cache/runtimes'));

    beforeAll(() => {
      project = temporaryFolder();
      for (const name of ['runtime.mjs', 'lock_file.mjs']) {
        cpSync(join(ROOT, 'scripts', name), join(project.path, 'scripts', name));
      }
    });
    afterAll(() => project.remove());

    async function fetchPinned(integrity: string) {
      const lock = { packages: { [NAME]: [`${NAME}@${VERSION}`, '', {}, integrity] } };
      writeFileSync(join(project.path, 'bun.lock'), JSON.stringify(lock));
      const child = Bun.spawn([command, 'scripts/runtime.mjs', NAME], {
        cwd: project.path,
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
        env: {
          PATH: Bun.env.PATH ?? '',
          HOME: project.path,
          npm_config_registry: registry.url.href,
          npm_config_fetch_retries: '0',
          npm_config_cache: join(project.path, 'npm'),
          BUN_CONFIG_REGISTRY: registry.url.href,
          BUN_INSTALL_CACHE_DIR: join(project.path, 'bun'),
        },
      });
      const [stdout, error, exitCode] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return { exitCode, path: stdout.trim(), error };
    }

    test('refuses a package whose hash is not the pinned one, and keeps nothing of it', async () => {
      const { exitCode, path, error } = await fetchPinned(hashOf('something else'));
      expect({ exitCode, path }).toEqual({ exitCode: 1, path: '' });
      expect(error).toStartWith(`${NAME}@${VERSION} could not be installed: `);
      expect(error).toMatch(/integrity/i);
      expect(cached()).toEqual([]);
    });

    test('refuses a package without a pinned hash', async () => {
      expect(await fetchPinned('')).toMatchObject({
        exitCode: 1,
        error: `bun.lock does not pin ${NAME} by its hash\n`,
      });
    });

    test('prints the path of what fits', async () => {
      const { exitCode, path, error } = await fetchPinned(hashOf(tarball));
      expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
      expect(readFileSync(path, 'utf8')).toBe('the runtime');
      expect(cached()).toEqual([`@oven-bun-linux-x64-${VERSION}`]);
      expect((await fetchPinned(hashOf(tarball))).path).toBe(path);
    });

    test('fetches again what an interrupted start has left without its runtime', async () => {
      rmSync((await fetchPinned(hashOf(tarball))).path);
      expect(readFileSync((await fetchPinned(hashOf(tarball))).path, 'utf8')).toBe('the runtime');
    });
  });
}

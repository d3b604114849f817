/**
 * The Bun runtime of another platform, to be put into a binary for it. It comes from the npm package of that
 * platform, in the version and with the hash that package-lock.json pins; nothing unverified gets into a release.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import lock from '../package-lock.json';

interface Pinned {
  readonly version: string;
  readonly integrity?: string;
}

const CACHE = resolve(import.meta.dir, '../.cache/runtimes');

/** Path of the runtime from the npm package `name`. Throws with the cause when it cannot be had. */
export function fetchRuntime(name: string): string {
  const pins: Record<string, Partial<Pinned> | undefined> = lock.packages;
  const { version, integrity } = pins[`node_modules/${name}`] ?? {};
  if (!version || !integrity) throw new Error(`package-lock.json does not pin ${name}`);
  const folder = join(CACHE, `${name.replace('/', '-')}-${version}`);
  const runtime = join(folder, 'node_modules', name, 'bin', 'bun');
  if (existsSync(runtime)) return runtime;

  // A project of its own with one dependency: os and cpu of the pin are left out, which would make an installer on
  // another platform pass it over.
  const project = { name: 'runtime', dependencies: { [name]: version } };
  const pinned = { '': project, [`node_modules/${name}`]: { version, integrity } };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  writeFileSync(
    join(folder, 'package-lock.json'),
    JSON.stringify({ name: 'runtime', lockfileVersion: 3, requires: true, packages: pinned }),
  );
  const install = Bun.spawnSync(
    [process.execPath, 'install', '--frozen-lockfile', '--ignore-scripts', '--no-progress'],
    { cwd: folder, stdout: 'pipe', stderr: 'pipe' },
  );
  if (install.success && existsSync(runtime)) return runtime;
  const cause = install.stderr.toString().trim().split('\n').at(-1);
  throw new Error(`${name}@${version} could not be installed: ${cause || 'the package holds no runtime'}`);
}

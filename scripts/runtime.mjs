/**
 * The Bun runtime of this machine, or of another platform, in the version and with the hash that bun.lock pins:
 * nothing unverified runs here or gets into a release. Prints its path.
 *
 *   node scripts/runtime.mjs                              for this machine
 *   node scripts/runtime.mjs @oven/bun-linux-aarch64      from that npm package
 *
 * In JavaScript, with built-in modules alone, because `scripts/setup` runs it where Node is all there is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseLock } from './lock_file.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const CACHE = join(ROOT, '.cache', 'runtimes');

/** @type {Readonly<Record<string, string | undefined>>} */
const SYSTEMS = { linux: 'linux', android: 'linux', darwin: 'darwin', freebsd: 'freebsd', win32: 'windows' };
/** @type {Readonly<Record<string, string | undefined>>} */
const PROCESSORS = { x64: 'x64', arm64: 'aarch64' };

/** Alpine and its like: their C library is musl. */
function isMusl() {
  const report = process.report?.getReport();
  const header = typeof report === 'object' && 'header' in report ? report.header : null;
  if (typeof header === 'object' && header !== null) return !('glibcVersionRuntime' in header);
  return existsSync('/etc/alpine-release');
}

/** An x64 Node on a Mac with Apple's own processor. */
function isTranslated() {
  const { stdout } = spawnSync('sysctl', ['-n', 'sysctl.proc_translated'], { encoding: 'utf8' });
  return stdout?.trim() === '1';
}

/**
 * The npm package with Bun for a platform, chosen as the npm package `bun` itself chooses.
 * @param {string} platform as Node names it
 * @param {string} arch as Node names it
 * @param {boolean} musl
 */
export function packageFor(platform, arch, musl) {
  const [system, processor] = [SYSTEMS[platform], PROCESSORS[arch]];
  if (!system || !processor) throw new Error(`there is no Bun for ${platform} on ${arch}`);
  const library = platform === 'android' ? '-android' : platform === 'linux' && musl ? '-musl' : '';
  return `@oven/bun-${system}-${processor}${library}`;
}

function packageForThisMachine() {
  const { platform, arch } = process;
  const actual = platform === 'darwin' && arch === 'x64' && isTranslated() ? 'arm64' : arch;
  return packageFor(platform, actual, platform === 'linux' && isMusl());
}

/**
 * Installs the one package into `folder`. The hash stands in a lock file of the form that both npm and Bun read and
 * check; os and cpu are left out of it, which would make them pass over the package of another platform.
 * @param {string} folder
 * @param {string} name
 * @param {{ version: string, integrity: string }} pin
 */
function install(folder, name, { version, integrity }) {
  const project = { name: 'runtime', dependencies: { [name]: version } };
  const packages = { '': project, [`node_modules/${name}`]: { version, integrity } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  writeFileSync(
    join(folder, 'package-lock.json'),
    JSON.stringify({ name: 'runtime', lockfileVersion: 3, requires: true, packages }),
  );
  const [command, ...args] = process.versions.bun
    ? [process.execPath, 'install', '--frozen-lockfile', '--ignore-scripts', '--no-progress']
    : ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (error) throw new Error(`${command}: ${error.message}`);
  const causes = stderr.split('\n').filter((line) => /error/i.test(line));
  if (status !== 0) throw new Error(causes.join('\n') || stderr.trim());
}

/**
 * Path of the runtime from the npm package `name`. Throws with the cause when it cannot be had.
 * @param {string} name
 */
export function fetchRuntime(name) {
  const pin = parseLock(readFileSync(join(ROOT, 'bun.lock'), 'utf8')).get(name);
  if (!pin?.integrity) throw new Error(`bun.lock does not pin ${name} by its hash`);
  const folder = join(CACHE, `${name.replace('/', '-')}-${pin.version}`);
  const file = join('node_modules', name, 'bin', name.includes('-windows-') ? 'bun.exe' : 'bun');
  if (existsSync(join(folder, file))) return join(folder, file);

  // Under another name until it is whole: an interrupted download must not look like a runtime.
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(join(CACHE, 'unfinished-'));
  try {
    install(unfinished, name, pin);
    if (!existsSync(join(unfinished, file))) throw new Error('the package holds no runtime');
    // What is there has no runtime in it, unless another process was quicker with the same one.
    if (!existsSync(join(folder, file))) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(unfinished, folder);
    }
    return join(folder, file);
  } catch (error) {
    const cause = error instanceof Error ? error.message : error;
    throw new Error(`${name}@${pin.version} could not be installed: ${cause}`);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** The pinned Bun for this machine: the one that runs this, if it is the one. */
function ownRuntime() {
  const pinned = parseLock(readFileSync(join(ROOT, 'bun.lock'), 'utf8')).get('bun')?.version;
  return process.versions.bun === pinned ? process.execPath : fetchRuntime(packageForThisMachine());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const name = process.argv[2];
    console.log(name ? fetchRuntime(name) : ownRuntime());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

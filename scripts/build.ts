/**
 * Builds the executable.
 *
 *   scripts/build                          dist/automation-orchestrator, for this machine
 *   scripts/build --target linux-arm64     dist/automation-orchestrator-linux-arm64
 *   scripts/build --target all             one for each of the targets below
 *   scripts/build --if-stale               for this machine, unless it is newer than its sources
 *
 * Writes dist/SHA256SUMS over all of them. Several may run at once, also while what they replace is being executed:
 * they take turns, and a file appears under its name when it is whole. Exits 1 when a target that was asked for could not be built.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EXECUTABLE, inTurn, isFresh } from './freshness.ts';
import { fetchRuntime } from './runtime.mjs';

interface Target {
  readonly compile: Bun.Build.CompileTarget;
  /** The npm package that holds Bun for this platform. */
  readonly runtime: string;
}

const TARGETS: Readonly<Record<string, Target>> = {
  'linux-x64': { compile: 'bun-linux-x64', runtime: '@oven/bun-linux-x64' },
  'linux-arm64': { compile: 'bun-linux-arm64', runtime: '@oven/bun-linux-aarch64' },
  'linux-x64-musl': { compile: 'bun-linux-x64-musl', runtime: '@oven/bun-linux-x64-musl' },
  'linux-arm64-musl': { compile: 'bun-linux-arm64-musl', runtime: '@oven/bun-linux-aarch64-musl' },
};

const USAGE = `scripts/build [--target ${Object.keys(TARGETS).join('|')}|all]… [--if-stale]`;
const NAME = basename(EXECUTABLE);
const DIST = dirname(EXECUTABLE);
const ROOT = resolve(import.meta.dir, '..');

const git = (...args: string[]): string | null => {
  try {
    const { success, stdout } = Bun.spawnSync(['git', '-C', ROOT, ...args], { stderr: 'ignore' });
    return success ? stdout.toString().trim() : null;
  } catch {
    return null;
  }
};

/** The commit to stamp on the binary; `unknown` for a tree without git. */
function commit(): string {
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head === null) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') ? `${head}-dirty` : head;
}

async function build(outfile: string, target: Target | null): Promise<void> {
  const begun = new Date();
  const unfinished = join(DIST, `.unfinished-${basename(outfile)}`);
  const result = await Bun.build({
    entrypoints: [join(ROOT, 'src/main.ts')],
    target: 'bun',
    format: 'esm',
    bytecode: true,
    sourcemap: 'linked',
    // Not the syntax: that breaks the Lua interpreter of ioredis-mock.
    minify: { whitespace: true, identifiers: true, syntax: false },
    define: {
      'process.env.NODE_ENV': JSON.stringify('production'),
      AO_BUILD_COMMIT: JSON.stringify(commit()),
    },
    compile: {
      outfile: unfinished,
      // The binary is configured by its own flags and variables alone, wherever it is started.
      autoloadDotenv: false,
      autoloadBunfig: false,
      ...(target ? { target: target.compile, executablePath: fetchRuntime(target.runtime) } : {}),
    },
    throw: false,
  });
  if (!result.success) throw new Error(result.logs.map(String).join('\n'));
  // The binary holds its source map itself.
  rmSync(`${unfinished}.map`, { force: true });
  // A source that changes during the build is newer than its result.
  utimesSync(unfinished, begun, begun);
  renameSync(unfinished, outfile);
}

/** Read piece by piece: the binaries are large. */
async function sha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256');
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest('hex');
}

async function writeSums(): Promise<void> {
  const files = readdirSync(DIST).filter((file) => file.startsWith(NAME));
  const lines = await Promise.all(
    files.sort().map(async (file) => `${await sha256(join(DIST, file))}  ${file}\n`),
  );
  writeFileSync(join(DIST, 'SHA256SUMS'), lines.join(''));
}

/** Exit code 1 when one of them failed; the others are built all the same. */
async function buildAll(jobs: readonly (readonly [file: string, target: Target | null])[]): Promise<number> {
  mkdirSync(DIST, { recursive: true });
  let failed = 0;
  for (const [file, target] of jobs) {
    const started = performance.now();
    try {
      await build(join(DIST, file), target);
      const mib = Bun.file(join(DIST, file)).size / 2 ** 20;
      console.log(
        `dist/${file}: ${mib.toFixed(0)} MiB in ${((performance.now() - started) / 1000).toFixed(1)} s`,
      );
    } catch (error) {
      failed += 1;
      console.error(`dist/${file} was not built: ${error instanceof Error ? error.message : error}`);
    }
  }
  await writeSums();
  return failed > 0 ? 1 : 0;
}

/** Null, with the reason said, for words that mean nothing here. */
function parseFlags() {
  try {
    return parseArgs({
      options: {
        target: { type: 'string', multiple: true },
        'if-stale': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return null;
  }
}

async function main(): Promise<number> {
  const values = parseFlags();
  if (values === null) {
    console.error(USAGE);
    return 2;
  }
  const names = (values.target ?? []).flatMap((name) =>
    name === 'all' ? Object.keys(TARGETS) : name.split(','),
  );
  const unknown = names.find((name) => !Object.hasOwn(TARGETS, name));
  if (values.help || unknown !== undefined) {
    if (unknown !== undefined) console.error(`there is no target ${unknown}`);
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const jobs =
    names.length > 0
      ? names.map((name) => [`${NAME}-${name}`, TARGETS[name] ?? null] as const)
      : [[NAME, null] as const];
  return inTurn(async () => (values['if-stale'] && isFresh() ? 0 : buildAll(jobs)));
}

process.exit(await main());

/**
 * The single gate: types, lint, dead code, the build, and all tests against what was built. Every check runs even
 * when an earlier one has failed, so that one run tells everything; a failed check counts as a failure.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { closingLine, summarise } from './test_summary.ts';

const ROOT = resolve(import.meta.dir, '..');
const REPORT = join(ROOT, '.cache', 'junit.xml');

const bun = process.execPath;
/** `--bun`: the tools' own first line asks for Node, which need not be there. */
const tool = (name: string, ...args: string[]): string[] => [bun, 'run', '--bun', name, ...args];

const CHECKS: readonly (readonly [string, string[]])[] = [
  ['types', tool('tsc', '--noEmit', '-p', '.')],
  ['lint', tool('biome', 'check', '--error-on-warnings', '.')],
  ['dead code', tool('knip')],
  ['build', [bun, 'scripts/build.ts']],
  ['API document', [bun, 'scripts/openapi.ts']],
];

async function run(command: readonly string[]): Promise<number> {
  return Bun.spawn([...command], { cwd: ROOT, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }).exited;
}

async function main(): Promise<number> {
  let failedChecks = 0;
  for (const [name, command] of CHECKS) {
    const started = performance.now();
    const good = (await run(command)) === 0;
    if (!good) failedChecks += 1;
    console.log(
      `${name}: ${good ? 'good' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
    );
  }

  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  rmSync(REPORT, { force: true });
  const exitCode = await run([
    ...[bun, 'test'],
    ...['--reporter=junit', `--reporter-outfile=${REPORT}`],
    ...process.argv.slice(2),
  ]);
  const report = existsSync(REPORT) ? readFileSync(REPORT, 'utf8') : null;
  const tests = summarise(report, exitCode);
  if (failedChecks > 0) console.log(`failed checks: ${failedChecks}; each counts as one failure`);
  const total = { ...tests, failed: tests.failed + failedChecks };
  console.log(closingLine(total));
  return total.failed > 0 ? 1 : 0;
}

process.exit(await main());

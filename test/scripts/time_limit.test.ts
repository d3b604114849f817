/** Plain `bun test` gives every test the time limit of test/preload.ts, not only those of the first file. */
import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';

const ROOT = resolve(import.meta.dir, '../..');

interface Bunfig {
  readonly test: { readonly preload: readonly string[] };
}

test('holds in the second file as in the first', async () => {
  await using folder = temporaryFolder();
  const bunfig = Bun.TOML.parse(readFileSync(join(ROOT, 'bunfig.toml'), 'utf8')) as Bunfig;
  const preload = bunfig.test.preload.map((path) => JSON.stringify(resolve(ROOT, path)));
  writeFileSync(join(folder.path, 'bunfig.toml'), `[test]\npreload = [${preload.join(', ')}]\n`);
  for (const name of ['first', 'second']) {
    writeFileSync(
      join(folder.path, `${name}.test.ts`),
      "import { test } from 'bun:test';\ntest('takes longer than a millisecond', () => Bun.sleep(20));\n",
    );
  }
  // Without the limit of the preload, Bun's own would be these 1 ms instead of five seconds.
  const run = Bun.spawnSync([process.execPath, 'test', '--timeout', '1'], { cwd: folder.path });
  expect(run.stderr.toString()).toContain(' 2 pass\n 0 fail\n');
});

import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { until } from '@test/support/wait.ts';
import { bufferLines } from '@/platform/log/lines.ts';

/** A buffer and the pieces it has handed on. */
function buffered(waitMs?: number) {
  const pieces: string[] = [];
  return { pieces, lines: bufferLines((text) => void pieces.push(text), waitMs) };
}
const LONG_MS = 600_000;

describe('gathered lines', () => {
  test('go on in one piece, in order, when they are flushed, and once', () => {
    const { pieces, lines } = buffered(LONG_MS);
    lines.write('one');
    lines.write('two');
    expect(pieces).toEqual([]);
    lines.flush();
    lines.flush();
    expect(pieces).toEqual(['one\ntwo\n']);
  });

  test('go on by themselves, also those that come later', async () => {
    const { pieces, lines } = buffered(1);
    lines.write('one');
    await until(() => pieces.length === 1);
    lines.write('two');
    await until(() => pieces.length === 2);
    expect(pieces).toEqual(['one\n', 'two\n']);
  });

  test('go on at once when they are many', () => {
    const { pieces, lines } = buffered(LONG_MS);
    const line = 'x'.repeat(1023);
    for (let count = 0; count < 65; count += 1) lines.write(line);
    expect(pieces).toEqual([`${line}\n`.repeat(64)]);
    lines.flush();
    expect(pieces.at(-1)).toBe(`${line}\n`);
  });

  test('are not lost when the process ends', async () => {
    const module = join(import.meta.dir, '../../../src/platform/log/lines.ts');
    const script = `
      import { writeSync } from 'node:fs';
      import { bufferLines } from ${JSON.stringify(module)};
      bufferLines((text) => void writeSync(1, text), ${LONG_MS}).write('the last words');
      process.exit(0);`;
    const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'inherit' });
    expect(await new Response(child.stdout).text()).toBe('the last words\n');
  });
});

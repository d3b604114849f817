/** What commands print for people and for scripts: results on standard output, everything else on standard error. */
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Remarks that must not get into a pipe. */
export function remark(text: string): void {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Why standard output takes no more, if so. */
let refusal: string | null = null;

/** Waits until everything printed has left the process: an exit before that would cut a long answer in a pipe. */
export async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
  // An error of the last write is told a turn of the event loop later.
  await new Promise((resolve) => setImmediate(resolve));
}

/** As `flushed`. Throws CommandFailure when standard output could not be written, as on a full disk. */
export async function allPrinted(): Promise<void> {
  await flushed();
  if (refusal !== null) throw new CommandFailure(`the output could not be written: ${refusal}`);
}

/** For commands that print and end: a reader that has seen enough (`| head`) is no failure. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    refusal = messageOf(error);
  });
}

/** For what serves: it goes on when nobody reads its log any more, and says so once where that may still be seen. */
export function outliveReader(): void {
  process.stderr.on('error', () => undefined);
  process.stdout.once('error', (error) => {
    process.stdout.on('error', () => undefined);
    process.stderr.write(`the log cannot be written, the server goes on without: ${messageOf(error)}\n`);
  });
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Control characters of stored text must not reach a terminal. */
export const harmless = (text: string): string => text.replace(/\p{Cc}/gu, '\uFFFD');

/** Aligned columns with a head line. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | null)[])[]): void {
  const cells = [head, ...rows.map((row) => row.map((cell) => harmless(cell ?? '-')))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  for (const row of cells) {
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** What commands print for people and for scripts: results on standard output, everything else on standard error. */
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';

/** Why standard output takes no more, if so. */
let refusal: string | null = null;
/** Resolves when the last text has been written, or refused. */
let written: Promise<void> = Promise.resolve();

export function print(text: string): void {
  written = new Promise((resolve) => {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`, (error) => {
      if (error) refusal = messageOf(error);
      resolve();
    });
  });
}

/** Remarks that must not get into a pipe. */
export function remark(text: string): void {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Waits until everything printed has left the process: an exit before that would cut a long answer in a pipe. */
export async function flushed(): Promise<void> {
  await written;
  await new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
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

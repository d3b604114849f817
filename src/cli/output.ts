/** What commands print for people and for scripts: results on standard output, everything else on standard error. */

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Remarks that must not get into a pipe. */
export function remark(text: string): void {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** Resolves when everything printed has left the process: an exit before that would cut a long answer in a pipe. */
export async function allPrinted(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

/** A reader that has seen enough (`| head`) is no failure. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
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

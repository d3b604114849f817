/** Gathers lines and hands them on in one piece: one system call for many requests. */

export interface LineBuffer {
  /** Takes one line without its newline. */
  write(line: string): void;
  /** Hands on what has been gathered, now. */
  flush(): void;
}

const LARGEST = 65_536;

/** Lines reach `sink` after `waitMs` at the latest, and at the exit of the process. */
export function bufferLines(sink: (text: string) => void, waitMs = 50): LineBuffer {
  let gathered = '';
  let timer: ReturnType<typeof setTimeout> | null = null;
  const flush = (): void => {
    if (timer) clearTimeout(timer);
    timer = null;
    if (gathered === '') return;
    const text = gathered;
    gathered = '';
    sink(text);
  };
  process.on('exit', flush);
  return {
    write: (line) => {
      gathered += `${line}\n`;
      if (gathered.length >= LARGEST) flush();
      else timer ??= setTimeout(flush, waitMs);
    },
    flush,
  };
}

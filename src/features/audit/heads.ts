/**
 * Signed heads: "up to `seq` the chain is as `hash` says". A bare chain cannot show that its end was cut off;
 * heads can, because they are also appended to a file outside the database.
 */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { newId } from '@/platform/time/clock.ts';
import { parsePublicKey, type SigningKey } from './keys.ts';
import type { HeadRow } from './store.ts';

/** Beyond this size the older half of the file is dropped: the newest head vouches for all before it. */
const LARGEST_FILE = 4 * 1024 * 1024;
const LONGEST_LINE = 4096;

const message = (seq: number, hash: string, signedAt: number): string =>
  `automation-orchestrator audit head v1\n${seq}\n${hash}\n${signedAt}`;

export const signHead = (key: SigningKey, seq: number, hash: string, signedAt: number): HeadRow => ({
  seq,
  hash,
  signed_at: signedAt,
  key_id: key.id,
  public_key: key.text,
  signature: key.sign(message(seq, hash, signedAt)),
});

/** Whether the signature is good and by the key that the head names. Whether that key is trusted is another question. */
export function isSigned(head: HeadRow): boolean {
  const key = parsePublicKey(head.public_key);
  return (
    key !== null &&
    key.id === head.key_id &&
    key.verify(message(head.seq, head.hash, head.signed_at), head.signature)
  );
}

function parseHead(line: string): HeadRow | null {
  try {
    const head = JSON.parse(line) as HeadRow;
    return Number.isSafeInteger(head.seq) && typeof head.hash === 'string' ? head : null;
  } catch {
    return null;
  }
}

/** The file of heads. Only the newest matters for safety; older ones tell from where on something is wrong. */
export class HeadsFile {
  constructor(private readonly file: string) {}

  /** Durable when it resolves. A line that a crash left unfinished is closed first. */
  async append(heads: readonly HeadRow[]): Promise<void> {
    if (heads.length === 0) return;
    await mkdir(dirname(this.file), { recursive: true, mode: 0o700 });
    const handle = await open(this.file, 'a+', 0o600);
    let size: number;
    try {
      size = (await handle.stat()).size;
      const last = Buffer.alloc(1);
      if (size > 0) await handle.read(last, 0, 1, size - 1);
      const torn = size > 0 && last.toString() !== '\n';
      await handle.appendFile(
        `${torn ? '\n' : ''}${heads.map((head) => `${JSON.stringify(head)}\n`).join('')}`,
      );
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (size > LARGEST_FILE) await this.dropOlderHalf();
  }

  /** The head that was written last; null when there is none. */
  async last(): Promise<HeadRow | null> {
    const lines = (await this.tail(4 * LONGEST_LINE)).split('\n').reverse();
    for (const line of lines) {
      const head = parseHead(line);
      if (head) return head;
    }
    return null;
  }

  /** All heads, and how many lines are none. Null when there is no file. */
  async read(): Promise<{ heads: HeadRow[]; damaged: number } | null> {
    if (!(await Bun.file(this.file).exists())) return null;
    const lines = (await Bun.file(this.file).text()).split('\n').filter((line) => line !== '');
    const heads = lines.map(parseHead).filter((head) => head !== null);
    return { heads, damaged: lines.length - heads.length };
  }

  private async tail(bytes: number): Promise<string> {
    const size = await stat(this.file).then(
      (found) => found.size,
      () => 0,
    );
    return size === 0
      ? ''
      : Bun.file(this.file)
          .slice(Math.max(0, size - bytes), size)
          .text();
  }

  private async dropOlderHalf(): Promise<void> {
    const kept = await this.tail(LARGEST_FILE / 2);
    const temporary = `${this.file}.${newId()}`;
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(kept.slice(kept.indexOf('\n') + 1));
      await handle.sync();
      await rename(temporary, this.file);
    } finally {
      await handle.close();
      await rm(temporary, { force: true });
    }
  }
}

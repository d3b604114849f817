/**
 * Verifies a backup without the database. Finds any changed byte, any removed, reordered or cut-off event and a
 * trailer that no trusted key has signed, and says where. Reads in bounded memory.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { parseBackupName } from './backup_name.ts';
import { parseSealedLine } from './canonical.ts';
import { ChainCheck, Problems } from './chain_check.ts';
import type { VerifyingKey } from './keys.ts';
import { type FoundTrailer, findTrailer, signatureFault } from './trailer.ts';

const LONGEST_LINE = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface BackupVerdict {
  /** Whether the file is, byte for byte, what the server wrote, and its chain of events whole. */
  readonly ok: boolean;
  readonly compressed: boolean;
  /** Events that were read. */
  readonly events: number;
  /** What the trailer says; null without a trailer. */
  readonly first_seq: number | null;
  readonly last_seq: number | null;
  readonly created_at: string | null;
  /** The name under which the backup was made. */
  readonly backup_file: string | null;
  /** The key that signed the trailer. */
  readonly key_id: string | null;
  /** What is wrong, in words; the first few. */
  readonly problems: readonly string[];
}

class Lines {
  readonly content = new Bun.CryptoHasher('sha256');
  private rest: Buffer[] = [];
  private restLength = 0;

  constructor(private readonly take: (line: Buffer) => void) {}

  feed(chunk: Buffer): void {
    this.content.update(chunk);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      this.take(this.restLength === 0 ? piece : Buffer.concat([...this.rest, piece]));
      this.rest = [];
      this.restLength = 0;
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.rest.push(Buffer.from(chunk.subarray(start)));
    this.restLength += chunk.length - start;
    if (this.restLength > LONGEST_LINE) throw new Error('a line is longer than any event');
  }

  /** Whether the last line was ended. */
  get ended(): boolean {
    return this.restLength === 0;
  }
}

/** Throws CommandFailure when the file cannot be read at all. */
export async function verifyBackup(
  file: string,
  { trusted }: { trusted: readonly VerifyingKey[] },
): Promise<BackupVerdict> {
  const handle = await open(file, 'r').catch((cause) => {
    throw new CommandFailure(`${file} cannot be read: ${messageOf(cause)}`, 1, { cause });
  });
  try {
    return await verifyOpen(file, handle, trusted);
  } finally {
    await handle.close();
  }
}

async function verifyOpen(
  file: string,
  handle: FileHandle,
  trusted: readonly VerifyingKey[],
): Promise<BackupVerdict> {
  const { size } = await handle.stat();
  const { buffer: magic } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  const compressed = magic[0] === 0x1f && magic[1] === 0x8b;
  const found = await findTrailer(handle, size, compressed);
  const problems = new Problems();
  if (found) checkTrailer(file, found, compressed, trusted, problems);
  else
    problems.add(
      'the signed trailer at the end is missing or damaged: the file was cut off, extended or changed there',
    );
  const walk = await checkEvents(file, found, found?.start ?? size, compressed, problems);
  return {
    ok: problems.count === 0,
    compressed,
    events: walk.events,
    first_seq: found?.trailer.first_seq ?? null,
    last_seq: found?.trailer.last_seq ?? null,
    created_at: found?.trailer.created_at ?? null,
    backup_file: found?.trailer.backup_file ?? null,
    key_id: found?.trailer.key_id ?? null,
    problems: problems.list,
  };
}

function checkTrailer(
  file: string,
  { trailer }: FoundTrailer,
  compressed: boolean,
  trusted: readonly VerifyingKey[],
  problems: Problems,
): void {
  const fault = signatureFault(trailer, trusted);
  if (fault) problems.add(fault);
  if (compressed && trailer.container_sha256 === null) {
    problems.add('the backup was made as a plain file and compressed afterwards');
  }
  // A copy may have any name; the name of another backup would pass an older one off as it.
  const name = parseBackupName(basename(file));
  if (name && name.stem !== parseBackupName(trailer.backup_file)?.stem) {
    problems.add(`this is the backup ${trailer.backup_file} under another backup's name`);
  }
}

async function checkEvents(
  file: string,
  found: FoundTrailer | null,
  end: number,
  compressed: boolean,
  problems: Problems,
): Promise<ChainCheck> {
  const trailer = found?.trailer;
  const start = trailer ? { seq: trailer.first_seq - 1, hash: trailer.previous_hash } : null;
  const walk = new ChainCheck(start, problems);
  let line = 0;
  const lines = new Lines((bytes) => {
    line += 1;
    const event = parseSealedLine(bytes);
    if (event) walk.next(event.seq, event.hash, event.text);
    else {
      problems.add(`line ${line} is not an event`);
      walk.skip();
    }
  });
  const container = new Bun.CryptoHasher('sha256');
  const whole = await read(file, end, compressed, container, lines).then(
    () => true,
    (error) => {
      problems.add(`the file is damaged after line ${line}: ${messageOf(error)}`);
      return false;
    },
  );
  if (!trailer) return walk;
  if (whole && !lines.ended) problems.add(`line ${line + 1} has no end`);
  if (whole) walk.finish({ seq: trailer.last_seq, hash: trailer.head_hash });
  if (whole && walk.events !== trailer.events) {
    problems.add(`the trailer speaks of ${trailer.events} events, there are ${walk.events}`);
  }
  if (lines.content.digest('hex') !== trailer.content_sha256) {
    problems.add('the text is not, byte for byte, what was signed');
  }
  if (compressed && container.digest('hex') !== trailer.container_sha256) {
    problems.add('the compressed bytes are not what was signed');
  }
  return walk;
}

async function read(
  file: string,
  end: number,
  compressed: boolean,
  container: Bun.CryptoHasher,
  lines: Lines,
): Promise<void> {
  if (end === 0) return;
  const source = createReadStream(file, { start: 0, end: end - 1, highWaterMark: 256 * 1024 });
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      container.update(chunk);
      yield chunk;
    }
  };
  const consume = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) lines.feed(chunk);
  };
  if (compressed) await pipeline(Readable.from(counted(source)), createGunzip(), consume);
  else await consume(source);
}

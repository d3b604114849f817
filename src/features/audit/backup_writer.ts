/**
 * Writes one backup file: under a temporary name, in bounded memory, durable before it gets its own name, and
 * without a trace when it fails. Compression goes piece by piece, one gzip member each, so that the event loop is
 * never held up for more than about two milliseconds.
 */
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageFull, Unavailable } from '@/platform/errors/problem.ts';
import { syncFolder } from '@/platform/files/durable.ts';
import { now } from '@/platform/time/clock.ts';
import { backupStem, isPartName, MOST_A_SECOND, partName } from './backup_name.ts';

/** libdeflate packs 256 KiB in 1.5 ms, no worse than larger pieces. */
const PIECE_BYTES = 256 * 1024;
const ABANDONED_MS = 3_600_000;
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The same error, or 507 for one that says that there is no room. */
export function orStorageFull(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code !== undefined && FULL.has(code)
    ? new StorageFull('There is no room left for the backup; nothing of it was kept.', { cause: error })
    : error;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

interface Reserved {
  readonly folder: string;
  readonly stem: string;
  readonly compressed: boolean;
  readonly handle: FileHandle;
}

export class BackupWriter {
  readonly name: string;
  private readonly content = new Bun.CryptoHasher('sha256');
  private readonly container = new Bun.CryptoHasher('sha256');
  private pieces: Buffer[] = [];
  private waiting = 0;
  private written = 0;

  private constructor(private readonly reserved: Reserved) {
    this.name = `${reserved.stem}.log${reserved.compressed ? '.gz' : ''}`;
  }

  /** Takes a name that no other process has or gets: the temporary file is made exclusively. */
  static async reserve(folder: string, compressed: boolean, at: number): Promise<BackupWriter> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await removeAbandoned(folder);
      for (let nth = 1; nth <= MOST_A_SECOND; nth += 1) {
        const stem = backupStem(at, nth);
        const handle = await claim(folder, stem);
        if (handle) return new BackupWriter({ folder, stem, compressed, handle });
      }
    } catch (error) {
      throw orStorageFull(error);
    }
    throw new Unavailable('Too many backups in one second; try again.', { headers: { 'retry-after': '1' } });
  }

  /** Bytes so far on disk. */
  get size(): number {
    return this.written;
  }

  /** Adds whole lines. */
  async add(text: string): Promise<void> {
    const piece = Buffer.from(text);
    this.pieces.push(piece);
    this.waiting += piece.length;
    if (this.waiting >= PIECE_BYTES) await this.flush();
  }

  /** Writes what waits; answers the digests of everything before the trailer. */
  async digests(): Promise<{ content: string; container: string | null }> {
    await this.flush();
    const container = this.container.digest('hex');
    return { content: this.content.digest('hex'), container: this.reserved.compressed ? container : null };
  }

  /** Ends the file with its trailer; durable when it resolves, but not yet under its own name. */
  async end(trailer: Buffer): Promise<void> {
    await this.write(trailer);
    await this.reserved.handle.sync();
    await this.reserved.handle.close();
  }

  /** Gives the file its own name, for good. */
  async publish(): Promise<void> {
    const { folder, stem } = this.reserved;
    await rename(join(folder, partName(stem)), join(folder, this.name));
    await syncFolder(folder);
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    const { folder, stem, handle } = this.reserved;
    await handle.close().catch(() => undefined);
    await rm(join(folder, partName(stem)), { force: true });
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.concat(this.pieces);
    this.pieces = [];
    this.waiting = 0;
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      const piece = bytes.subarray(start, start + PIECE_BYTES);
      this.content.update(piece);
      if (!this.reserved.compressed) {
        await this.write(piece);
        continue;
      }
      const member = Bun.gzipSync(piece, { library: 'libdeflate', level: 6 });
      this.container.update(member);
      await this.write(member);
    }
  }

  private async write(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length; ) {
      const { bytesWritten } = await this.reserved.handle.write(bytes, start, bytes.length - start);
      start += bytesWritten;
      this.written += bytesWritten;
    }
  }
}

/** The temporary file of a stem; null when the stem is taken, with whatever ending. */
async function claim(folder: string, stem: string): Promise<FileHandle | null> {
  const path = join(folder, partName(stem));
  const handle = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return null;
    throw error;
  });
  if (!handle) return null;
  // Asked only now: another process may have finished this very stem a moment ago.
  if (!(await exists(join(folder, `${stem}.log`))) && !(await exists(join(folder, `${stem}.log.gz`))))
    return handle;
  await handle.close();
  await rm(path, { force: true });
  return null;
}

/** Temporary files that a killed process left: nobody has written to them for long. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(isPartName)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

/**
 * Backups of the audit log: all events as JSON lines and a signed trailer, plain or gzip, under `backups/audit`
 * of the data folder. A backup holds every event that was committed when it was asked for, and can be verified
 * without the database (`verify.ts`).
 */

import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Database } from '@/platform/db/database.ts';
import { messageOf, NotFound, Problem, Unavailable } from '@/platform/errors/problem.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { iso, now } from '@/platform/time/clock.ts';
import { chainStart } from './anchor.ts';
import { type BackupName, parseBackupName } from './backup_name.ts';
import { BackupWriter, orStorageFull } from './backup_writer.ts';
import { type ChainEnd, eventText, sealedLine } from './canonical.ts';
import { ChainCheck, Problems } from './chain_check.ts';
import type { BackupListed, BackupMade } from './schema.ts';
import type { AuditSealer } from './seal.ts';
import type { AuditLog } from './service.ts';
import { pageOfEvents, sealedEvents } from './store.ts';
import { signTrailer } from './trailer.ts';

const PAGE = 250;
const ATTEMPTS = 3;
const TARGET = 'audit_backup';
const CREATED = 'audit.backup_created';

interface Options {
  readonly db: Database;
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly audit: AuditLog;
  readonly sealer: AuditSealer;
  readonly metrics?: Metrics | undefined;
}

/** A backup that is there. */
export interface OpenedBackup extends BackupName {
  readonly path: string;
  readonly sizeBytes: number;
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class AuditBackups {
  constructor(private readonly options: Options) {
    options.metrics?.computed(
      'ao_backup_last_success_timestamp_seconds',
      { help: 'When an audit backup last succeeded, wherever its file is now; 0 before the first.' },
      async () => {
        const filter = { action: CREATED, outcome: 'success' } as const;
        const [newest] = await pageOfEvents(options.db.read, filter, 1);
        return [{ labels: {}, value: (newest?.occurred_at ?? 0) / 1000 }];
      },
    );
  }

  /**
   * Makes a backup; durable under its name when it resolves. Throws StorageFull (507) on a full disk and then
   * leaves nothing behind.
   */
  async create(actor: Actor, { compress }: { compress: boolean }): Promise<BackupMade> {
    try {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        const made = await this.attempt(actor, compress);
        if (made) return made;
      }
      throw new Unavailable('Old events were removed while the backup was made; try again.');
    } catch (error) {
      const refusal = orStorageFull(error);
      this.options.log.error('audit backup failed', { error: messageOf(refusal) });
      const problem = refusal instanceof Problem ? refusal.type : 'internal';
      // On a full disk this event may fail as well: then the log line is all there is.
      await this.options.audit
        .recordAlone({
          actor,
          action: CREATED,
          outcome: 'failure',
          details: { compressed: compress, problem },
        })
        .catch(() => undefined);
      throw refusal;
    }
  }

  /** Newest first. */
  async list(): Promise<BackupListed[]> {
    return (await this.files()).map(({ name, sizeBytes, createdAt }) => ({
      backup_file: name,
      size_bytes: sizeBytes,
      created_at: iso(createdAt),
    }));
  }

  /** A backup by its name, for reading. Throws NotFound for every other name, above all for paths. */
  async open(name: string): Promise<OpenedBackup> {
    const found = await this.find(name);
    if (!found) throw new NotFound('There is no such backup.');
    return found;
  }

  /** Notes that a backup is being read by `actor`. */
  async recordDownload(actor: Actor, name: string): Promise<void> {
    await this.options.audit.recordAlone({
      actor,
      action: 'audit.backup_downloaded',
      target: { type: TARGET, id: name },
    });
  }

  /** Removes all but the newest `keep` backups; answers how many. */
  async prune(actor: Actor, keep: number): Promise<number> {
    const superfluous = (await this.files()).slice(keep);
    for (const { name, path } of superfluous) {
      await this.options.audit.recordAlone({
        actor,
        action: 'audit.backup_removed',
        target: { type: TARGET, id: name },
      });
      await rm(path, { force: true });
    }
    return superfluous.length;
  }

  private async find(name: string): Promise<OpenedBackup | null> {
    const parsed = parseBackupName(name);
    if (!parsed) return null;
    const path = join(this.options.paths.auditBackups, name);
    const found = await lstat(path).catch(() => null);
    return found?.isFile() ? { ...parsed, path, sizeBytes: found.size } : null;
  }

  /** All backups, newest first. */
  async files(): Promise<OpenedBackup[]> {
    const names = await readdir(this.options.paths.auditBackups).catch(() => []);
    const found = await Promise.all(names.map((name) => this.find(name)));
    return found.filter((each) => each !== null).sort((a, b) => (a.stem < b.stem ? 1 : -1));
  }

  /** Null when retention removed events under its hands. */
  private async attempt(actor: Actor, compress: boolean): Promise<BackupMade | null> {
    const { db, paths, sealer, audit, log } = this.options;
    const key = await sealer.key();
    const end = await sealer.sealNow();
    const start = await chainStart(db.read, [key]);
    const createdAt = Math.floor(now() / 1000) * 1000;
    const writer = await BackupWriter.reserve(paths.auditBackups, compress, createdAt);
    try {
      const problems = new Problems();
      const events = await this.copy(writer, start, end, problems);
      if (problems.count > 0) {
        if ((await chainStart(db.read, [key])).seq !== start.seq) {
          await writer.discard();
          return null;
        }
        // Kept all the same: a backup of a damaged chain is evidence, and its verification will say so.
        log.error('the audit chain is damaged', { backup_file: writer.name, problems: problems.list });
      }
      const digests = await writer.digests();
      const contents = {
        backup_file: writer.name,
        created_at: iso(createdAt),
        first_seq: start.seq + 1,
        previous_hash: start.hash,
        last_seq: end.seq,
        head_hash: end.hash,
        events,
        content_sha256: digests.content,
        container_sha256: digests.container,
      };
      await writer.end(signTrailer(key, contents, compress));
      const made = { size_bytes: writer.size, compressed: compress, events, last_seq: end.seq };
      await audit.recordAlone({
        actor,
        action: CREATED,
        target: { type: TARGET, id: writer.name },
        details: made,
      });
      await writer.publish();
      return { backup_file: writer.name, created_at: contents.created_at, ...made };
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  private async copy(
    writer: BackupWriter,
    start: ChainEnd,
    end: ChainEnd,
    problems: Problems,
  ): Promise<number> {
    const walk = new ChainCheck(start, problems);
    for (let after = start.seq; ; ) {
      const rows = await sealedEvents(this.options.db.read, after, end.seq, PAGE);
      let lines = '';
      for (const row of rows) {
        const seq = row.seq ?? 0;
        const text = eventText(row, seq);
        walk.next(seq, row.hash ?? '', text);
        lines += `${sealedLine(text, row.hash ?? '')}\n`;
        after = seq;
      }
      await writer.add(lines);
      if (rows.length < PAGE) break;
      await pause();
    }
    walk.finish(end);
    return walk.events;
  }
}

/**
 * Removes old events, if the configuration says so: only sealed ones, and only those that a backup on this disk
 * holds, which is verified in full before. What remains can still be verified: see `anchor.ts`.
 */

import type { LiveConfig } from '@/platform/config/schema.ts';
import { inBatches } from '@/platform/db/batches.ts';
import type { Database } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';
import { now } from '@/platform/time/clock.ts';
import { anchorDetails, chainStart, newestAnchor, PRUNED } from './anchor.ts';
import type { AuditBackups } from './backup.ts';
import type { AuditSealer } from './seal.ts';
import type { AuditLog } from './service.ts';
import { deleteHeadsBelow, deleteSealed, firstSeq, firstSeqSince, headUpTo, newestHead } from './store.ts';
import { type BackupVerdict, verifyBackup } from './verify.ts';

const DAY_MS = 86_400_000;

interface Options {
  readonly db: Database;
  readonly log: Logger;
  readonly audit: AuditLog;
  readonly sealer: AuditSealer;
  readonly backups: AuditBackups;
  readonly config: LiveConfig;
}

export class AuditRetention {
  constructor(private readonly options: Options) {}

  /** Removes what may go; answers how many events went. */
  async prune(actor: Actor): Promise<number> {
    const { db, sealer, config } = this.options;
    const key = await sealer.key();
    // A removal that was announced but not finished (a crash) is finished in any case.
    const announced = await newestAnchor(db.read, [key]);
    let removed = announced ? await this.remove(announced.seq) : 0;
    const days = config.current.audit.retention_days;
    if (days !== null) removed += await this.removeOlderThan(actor, now() - days * DAY_MS);
    return removed;
  }

  private async removeOlderThan(actor: Actor, time: number): Promise<number> {
    const { db, audit, sealer, log } = this.options;
    const end = await newestHead(db.read);
    const first = await firstSeq(db.read);
    const firstKept = await firstSeqSince(db.read, time);
    const lastOld = firstKept === null ? (end?.seq ?? 0) : firstKept - 1;
    if (first === null || lastOld < first) return 0;

    const key = await sealer.key();
    const start = await chainStart(db.read, [key]);
    const backup = await this.newestGoodBackup(start.seq + 1);
    if (!backup) {
      log.warn('audit retention waits for a backup', { events_from: first, events_to: lastOld });
      return 0;
    }
    const through = await headUpTo(db.read, Math.min(lastOld, backup.last_seq ?? 0));
    if (!through || through.seq < first) return 0;
    await audit.recordAlone({
      actor,
      action: PRUNED,
      details: { ...anchorDetails(key, through), backup_file: backup.backup_file },
    });
    const removed = await this.remove(through.seq);
    log.info('audit events removed', { events: removed, through_seq: through.seq });
    return removed;
  }

  /** The newest backup that is whole, agrees with the chain and begins no later than `fromSeq`. */
  private async newestGoodBackup(fromSeq: number): Promise<BackupVerdict | null> {
    const trusted = [await this.options.sealer.key()];
    for (const { path, name } of await this.options.backups.files()) {
      const verdict = await verifyBackup(path, { trusted });
      if (verdict.ok && verdict.first_seq !== null && verdict.first_seq <= fromSeq) return verdict;
      if (!verdict.ok)
        this.options.log.warn('audit backup is damaged', { backup_file: name, problems: verdict.problems });
    }
    return null;
  }

  /** The anchor itself keeps its signed head. */
  private async remove(throughSeq: number): Promise<number> {
    const { db } = this.options;
    const removed = await inBatches(db, (trx, most) => deleteSealed(trx, throughSeq, most));
    if (removed > 0) await db.write((trx) => deleteHeadsBelow(trx, throughSeq));
    return removed;
  }
}

/**
 * Gives committed events their place in the hash chain and signs its new end, in batches, about once a second.
 * One process of all servers does it (lease `audit-seal`); two at a time would be slow, not wrong: a batch is
 * written only if the chain still ends where it was computed from.
 */

import type { DataPaths } from '@/platform/config/paths.ts';
import type { Database, Reader } from '@/platform/db/database.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import { systemActor } from '@/platform/identity/principal.ts';
import { Job } from '@/platform/jobs/job.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { now } from '@/platform/time/clock.ts';
import { BEGINNING, type ChainEnd, chainHash, eventText } from './canonical.ts';
import { HeadsFile, isSigned, signHead } from './heads.ts';
import { loadSigningKey, type SigningKey } from './keys.ts';
import { AuditLog } from './service.ts';
import {
  countUnsealed,
  type HeadRow,
  headsAfter,
  headUpTo,
  insertHead,
  newestHead,
  oldestUnsealed,
  type Seal,
  sealEvents,
  unsealedEvents,
} from './store.ts';

const LEASE = { name: 'audit-seal', ttlMs: 15_000 };
const EVERY_MS = 1_000;
/** Small enough that reading and hashing it holds nobody up for more than some milliseconds. */
const BATCH = 500;
const LATE_MS = 60_000;
const MAX_CONFLICTS = 20;
const SYSTEM = systemActor('server');

interface Options {
  readonly db: Database;
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** Another process has sealed meanwhile: begin again from where the chain ends now. */
class ChainMoved extends Error {}

export class AuditSealer {
  /** Seals in the background. */
  readonly job: Job;
  private readonly file: HeadsFile;
  private signing: Promise<SigningKey> | undefined;
  /** The newest head this process has seen in the file: the database may never end before it. */
  private witness: ChainEnd | null = null;
  private reported: string | null = null;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: Options) {
    this.file = new HeadsFile(options.paths.auditHeads);
    const { db, log, metrics } = options;
    this.job = new Job({
      name: 'audit_seal',
      everyMs: EVERY_MS,
      hasWork: async () => (await oldestUnsealed(db.read)) !== null,
      lease: { db, ...LEASE },
      run: async () => void (await this.sealNow()),
      log,
      metrics,
    });
    metrics?.computed(
      'ao_audit_unsealed_events',
      { help: 'Audit events that wait for their place in the hash chain.' },
      async () => [{ labels: {}, value: await countUnsealed(db.read) }],
    );
  }

  /** Seals everything committed before the call, whoever holds the lease. Answers where the chain ends. */
  sealNow(): Promise<ChainEnd> {
    const turn = this.turn.catch(() => undefined).then(() => this.sealAll());
    this.turn = turn;
    return turn;
  }

  /** The data folder's signing key, made on first use. */
  key(): Promise<SigningKey> {
    this.signing ??= loadSigningKey(this.options.paths).catch((error) => {
      this.signing = undefined;
      throw error;
    });
    return this.signing;
  }

  /** What is wrong with the audit log, in words, or null. Cheap: asks only for both ends of the chain. */
  async fault(): Promise<string | null> {
    const { db } = this.options;
    const oldest = await oldestUnsealed(db.read);
    if (oldest !== null && now() - oldest > LATE_MS) {
      return `audit events have waited for ${Math.round((now() - oldest) / 1000)} s to be sealed`;
    }
    const last = await this.file.last();
    return last === null ? null : this.compare(last, await newestHead(db.read));
  }

  private async sealAll(): Promise<ChainEnd> {
    const key = await this.key();
    await this.catchUpFile();
    for (let conflicts = 0; ; ) {
      try {
        const { end, more } = await this.sealBatch(key);
        if (!more) return end;
      } catch (error) {
        conflicts += 1;
        if (!(error instanceof ChainMoved) || conflicts > MAX_CONFLICTS) throw error;
      }
    }
  }

  private async sealBatch(key: SigningKey): Promise<{ end: ChainEnd; more: boolean }> {
    const { db } = this.options;
    const events = await unsealedEvents(db.read, BATCH);
    // Asked for after the events: when another process has just sealed them, this is the end that it made.
    const before: ChainEnd = (await newestHead(db.read)) ?? BEGINNING;
    if (events.length === 0) return { end: before, more: false };
    let { seq, hash } = before;
    const seals: Seal[] = events.map((event) => {
      seq += 1;
      hash = chainHash(hash, eventText(event, seq));
      return { id: event.id, seq, hash };
    });
    const head = signHead(key, seq, hash, now());
    await this.write(before, seals, head);
    await this.appendToFile([head]);
    return { end: head, more: events.length === BATCH };
  }

  private async write(before: ChainEnd, seals: readonly Seal[], head: HeadRow): Promise<void> {
    const { db } = this.options;
    const moved = async (read: Reader) => ((await newestHead(read))?.seq ?? 0) !== before.seq;
    try {
      await db.write(async (trx) => {
        if (await moved(trx)) throw new ChainMoved();
        if ((await sealEvents(trx, seals)) !== seals.length) throw new ChainMoved();
        await insertHead(trx, head);
      });
    } catch (error) {
      // Two transactions at once on PostgreSQL meet at the unique place in the chain: the later one fails there.
      throw (await moved(db.read)) ? new ChainMoved() : error;
    }
  }

  /** Before sealing: the database must not end before the file does, and the file must not lag behind. */
  private async catchUpFile(): Promise<void> {
    const { db } = this.options;
    const last = this.witness ?? (await this.file.last());
    const end = await newestHead(db.read);
    if (last !== null) await this.report(await this.compare(last, end));
    this.witness ??= last;
    if (end === null || end.seq <= (last?.seq ?? 0)) return;
    const missing = last === null ? [end] : await headsAfter(db.read, last.seq, BATCH);
    await this.appendToFile(missing.filter(isSigned));
  }

  private async compare(last: ChainEnd, end: HeadRow | null): Promise<string | null> {
    if (end === null || end.seq < last.seq) {
      return `the audit chain was cut off: it ends at event ${end?.seq ?? 0}, the heads file knows event ${last.seq}`;
    }
    const same = await headUpTo(this.options.db.read, last.seq);
    return same?.seq === last.seq && same.hash !== last.hash
      ? `the audit chain was changed: event ${last.seq} is not the one that the heads file knows`
      : null;
  }

  /** Once per fault: in the log, and in the audit log itself, where it stays. Sealing goes on all the same. */
  private async report(fault: string | null): Promise<void> {
    if (fault === this.reported) return;
    this.reported = fault;
    if (fault === null) return;
    this.options.log.error(fault, { component: 'audit' });
    await new AuditLog({ db: this.options.db }).recordAlone({
      actor: SYSTEM,
      action: 'audit.chain_broken',
      outcome: 'failure',
      details: { fault },
    });
  }

  /** The head is safe in the database already: a file that cannot be written now is caught up later. */
  private async appendToFile(heads: readonly HeadRow[]): Promise<void> {
    try {
      await this.file.append(heads);
      this.witness = heads.at(-1) ?? this.witness;
    } catch (error) {
      this.options.log.error('audit heads file could not be written', { error: messageOf(error) });
    }
  }
}

/**
 * A process of its own that writes leads with their audit event through write turns, for the tests of several
 * writers. Run as `bun writer_process.ts FOLDER IN_FLIGHT DURATION_MS` with an IPC channel; reports when it is done.
 */
import { insertEvent } from '@/features/audit/store.ts';
import { insertLead, type LeadRow } from '@/features/leads/store.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import type { Transaction } from '@/platform/db/database.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { newId, now } from '@/platform/time/clock.ts';

export interface WriterReport {
  readonly written: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** The longest that a timer of this process was late: how long its event loop was blocked. */
  readonly loopBlockedMs: number;
}

/** A lead and its audit event, as lead intake writes them. */
export async function writeLead(trx: Transaction, source: string): Promise<void> {
  const id = newId();
  const time = now();
  const lead: LeadRow = {
    id,
    first_name: 'Ada',
    last_name: 'Lovelace',
    email: `${id}@example.com`,
    phone: '+441234567890',
    company: 'Analytical Engines',
    source,
    custom_fields: '{}',
    crm_id: null,
    version: 1,
    created_by: null,
    created_at: time,
    updated_at: time,
  };
  await insertLead(trx, lead);
  await insertEvent(trx, {
    id: newId(),
    occurred_at: time,
    actor_type: 'user',
    actor_id: 'u',
    actor_name: 'tester',
    action: 'lead.created',
    target_type: 'lead',
    target_id: id,
    outcome: 'success',
    request_id: id,
    address: '127.0.0.1',
    details: '{}',
    seq: null,
    hash: null,
  });
}

/** How late a timer of 5 ms comes, at worst, until the returned function is called. */
function watchLoop(): () => number {
  let last = performance.now();
  let worst = 0;
  const timer = setInterval(() => {
    const time = performance.now();
    worst = Math.max(worst, time - last - 5);
    last = time;
  }, 5);
  return () => {
    clearInterval(timer);
    return worst;
  };
}

async function main(folder: string, inFlight: number, durationMs: number): Promise<void> {
  const log = silentLogger;
  const options = { url: 'sqlite:test.sqlite3', poolSize: 1, paths: dataPaths(folder), log } as const;
  const db = await openDatabase({ ...options, turns: 'server' });
  const source = `process ${process.pid}`;
  await db.write((trx) => writeLead(trx, source));
  const latencies: number[] = [];
  const blocked = watchLoop();
  const end = performance.now() + durationMs;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const startedAt = performance.now();
      await db.write((trx) => writeLead(trx, source));
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (fraction: number): number => sorted[Math.floor((sorted.length - 1) * fraction)] ?? 0;
  const report: WriterReport = {
    written: sorted.length + 1,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    slowestMs: at(1),
    loopBlockedMs: blocked(),
  };
  process.send?.(report);
  await db.close();
  process.disconnect?.();
}

if (import.meta.main) {
  const [folder = '', inFlight, durationMs] = Bun.argv.slice(2);
  await main(folder, Number(inFlight), Number(durationMs));
}

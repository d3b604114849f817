/** Clears away finished runs that are older than `runs.retention_days`. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import { inBatches } from '@/platform/db/batches.ts';
import type { Database } from '@/platform/db/database.ts';
import { now } from '@/platform/time/clock.ts';
import { deleteEndedRuns } from './store.ts';

/** Clears away what is due now, or part of it when `signal` fires; returns how many runs. */
export function clearOldRuns(
  { db, config }: { readonly db: Database; readonly config: LiveConfig },
  signal?: AbortSignal,
): Promise<number> {
  const before = now() - config.current.runs.retention_days * 86_400_000;
  return inBatches(db, (trx, most) => deleteEndedRuns(trx, before, most), signal);
}

/** Clears away finished runs that are older than `runs.retention_days`, a few at a time. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { now } from '@/platform/time/clock.ts';
import { deleteEndedRuns } from './store.ts';

/** Small, so that a write turn stays short. */
const AT_ONCE = 200;
/** So that one round ends; the rest is left to the next. */
const MOST_BATCHES = 500;

/** Clears away what is due now; returns how many runs. */
export async function clearOldRuns(options: {
  readonly db: Database;
  readonly config: LiveConfig;
}): Promise<number> {
  const before = now() - options.config.current.runs.retention_days * 86_400_000;
  let cleared = 0;
  for (let batch = 0; batch < MOST_BATCHES; batch += 1) {
    const last = await options.db.write((trx) => deleteEndedRuns(trx, before, AT_ONCE));
    cleared += last;
    if (last < AT_ONCE) break;
  }
  return cleared;
}

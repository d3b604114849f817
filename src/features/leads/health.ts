/** Whether leads can be taken in. */
import type { HealthCheck } from '@/features/health/components.ts';

/** A write needs more room than its own few bytes: write-ahead log, heads, backups. */
const FULL_BELOW_BYTES = 1_048_576;

interface Options {
  readonly db: { ping(): Promise<void> };
  /** Room left on the disk of the data folder. */
  readonly freeBytes: () => Promise<number>;
}

/** Leads can be read while the disk is full, but none can be taken in. */
export const leadIngestCheck = ({ db, freeBytes }: Options): HealthCheck => ({
  name: 'lead_ingest',
  vital: true,
  async check() {
    const [free] = await Promise.all([freeBytes(), db.ping()]);
    if (free >= FULL_BELOW_BYTES) return { word: 'ready' };
    const kib = Math.floor(free / 1024);
    return { word: 'degraded', reason: `the disk of the data folder has no space left (${kib} KiB)` };
  },
});

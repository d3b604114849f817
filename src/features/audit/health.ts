/** Whether the audit log is whole, and what works on it in the background does. */
import type { HealthCheck } from '@/features/health/components.ts';

interface Options {
  readonly sealer: { fault(): Promise<string | null> };
  /** Which background job keeps failing, in words: in any worker, or all would not say the same. */
  readonly failing: () => Promise<string | null>;
}

export const auditCheck = ({ sealer, failing }: Options): HealthCheck => ({
  name: 'audit',
  check: async () => {
    const reason = (await sealer.fault()) ?? (await failing());
    return reason === null ? { word: 'running' } : { word: 'degraded', reason };
  },
});

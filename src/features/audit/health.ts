/** Whether the audit log is whole, and what works on it in the background does. */
import type { HealthCheck } from '@/features/health/components.ts';
import type { JobHealth } from '@/platform/jobs/record.ts';

interface Options {
  readonly sealer: { fault(): Promise<string | null> };
  readonly jobs: readonly { health(): JobHealth }[];
}

export const auditCheck = ({ sealer, jobs }: Options): HealthCheck => ({
  name: 'audit',
  check: async () => {
    const failing = jobs.map((job) => job.health().reason).find((reason) => reason !== null);
    const reason = (await sealer.fault()) ?? failing ?? null;
    return reason === null ? { word: 'running' } : { word: 'degraded', reason };
  },
});

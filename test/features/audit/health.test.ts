import { expect, test } from 'bun:test';
import { auditCheck } from '@/features/audit/health.ts';

const job = (reason: string | null) => ({
  health: () => ({ state: 'running', reason, lastSuccessAt: null }) as const,
});

test.each([
  [null, [null, null], { word: 'running' }],
  ['the chain was cut off', [null, null], { word: 'degraded', reason: 'the chain was cut off' }],
  [null, [null, 'no backups'], { word: 'degraded', reason: 'no backups' }],
  ['the chain was cut off', ['no backups'], { word: 'degraded', reason: 'the chain was cut off' }],
] as const)('the audit log with the fault %j and failing jobs %j is %j', async (fault, reasons, expected) => {
  const check = auditCheck({ sealer: { fault: async () => fault }, jobs: reasons.map(job) });
  expect(await check.check()).toEqual(expected);
});

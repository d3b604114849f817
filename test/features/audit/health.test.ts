import { expect, test } from 'bun:test';
import { auditCheck } from '@/features/audit/health.ts';

test.each([
  [null, null, { word: 'running' }],
  ['the chain was cut off', null, { word: 'degraded', reason: 'the chain was cut off' }],
  [null, 'no backups', { word: 'degraded', reason: 'no backups' }],
  ['the chain was cut off', 'no backups', { word: 'degraded', reason: 'the chain was cut off' }],
] as const)(
  'the audit log with the fault %j and the failing job %j is %j',
  async (fault, failing, expected) => {
    const check = auditCheck({ sealer: { fault: async () => fault }, failing: async () => failing });
    expect(await check.check()).toEqual(expected);
  },
);

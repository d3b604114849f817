/** Where a run was retried by hand: the attempts made before that count no more. */
import type { Migration } from '@/platform/db/migrations/migration.ts';

export const runRetries: Migration = {
  id: '2026_11_26_run_retries',
  statements: ({ small }) => [
    `alter table runs add column retried_step ${small}`,
    `alter table runs add column retried_attempt ${small}`,
  ],
};

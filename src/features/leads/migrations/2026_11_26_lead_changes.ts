/** What has changed in leads, change by change. Leads from before have a history from their next change on. */
import type { Migration } from '@/platform/db/migrations/migration.ts';

export const leadChanges: Migration = {
  id: '2026_11_26_lead_changes',
  statements: ({ text, whole, small }, dialect) => [
    // Never given twice, also when the newest row is gone: a cursor may still point there.
    `create table lead_changes (
      seq ${dialect === 'sqlite' ? 'integer primary key autoincrement' : 'bigint generated always as identity primary key'},
      id ${text} not null,
      lead_id ${text} not null,
      kind ${text} not null,
      at ${whole} not null,
      actor_type ${text} not null,
      actor_id ${text},
      run_id ${text},
      request_id ${text},
      version ${small} not null,
      data ${text} not null
    )`,
    'create index lead_changes_lead on lead_changes (lead_id, seq)',
  ],
};

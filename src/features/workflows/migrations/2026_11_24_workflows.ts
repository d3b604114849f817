/** The first tables: workflows and their versions. */
import { FOUNDATIONS, type Migration } from '@/platform/db/migrations/migration.ts';

export const workflowsTables: Migration = {
  id: '2026_11_24_workflows',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, small, keyed }) => [
    `create table workflows (
      id ${text} primary key not null,
      name ${text} not null,
      description ${text},
      trigger ${text} not null,
      enabled ${small} not null,
      version ${small} not null,
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
    'create index workflows_trigger on workflows (trigger, enabled)',

    `create table workflow_versions (
      workflow_id ${text} not null,
      version ${small} not null,
      definition ${text} not null,
      created_by ${text},
      created_at ${whole} not null,
      primary key (workflow_id, version)
    )`,
  ],
};

/** The first tables: connectors. */
import { FOUNDATIONS, type Migration } from '@/platform/db/migrations/migration.ts';

export const connectorsTables: Migration = {
  id: '2026_11_24_connectors',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, keyed }) => [
    `create table connectors (
      id ${text} primary key not null,
      kind ${text} not null,
      name ${text} not null,
      settings ${text} not null,
      sealed_credentials ${text},
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
  ],
};

/** The first tables: leads. */
import { FOUNDATIONS, type Migration } from '@/platform/db/migrations/migration.ts';

export const leadsTables: Migration = {
  id: '2026_11_24_leads',
  partOf: FOUNDATIONS,
  statements: ({ text, whole, small, keyed }) => [
    `create table leads (
      id ${text} primary key not null,
      first_name ${text},
      last_name ${text},
      email ${text},
      phone ${text},
      company ${text},
      source ${text},
      custom_fields ${text} not null,
      crm_id ${text},
      version ${small} not null,
      created_by ${text},
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
    'create index leads_email on leads (email) where email is not null',
    'create index leads_source on leads (source, id) where source is not null',
    'create index leads_company on leads (company) where company is not null',
  ],
};

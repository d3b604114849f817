/** The table of leads. */

export interface LeadsTable {
  id: string;
  first_name: string | null;
  last_name: string | null;
  email: string | null;
  phone: string | null;
  company: string | null;
  source: string | null;
  /** JSON object. */
  custom_fields: string;
  /** Record id in the CRM once a workflow has put the lead there. */
  crm_id: string | null;
  /** Starts at 1, grows by 1 with each change: the ETag. */
  version: number;
  created_by: string | null;
  created_at: number;
  updated_at: number;
}

declare module '@/platform/db/tables.ts' {
  interface Tables {
    leads: LeadsTable;
  }
}

/** The tables of workflows and their versions. */

export interface WorkflowsTable {
  id: string;
  name: string;
  description: string | null;
  /** `lead.created` or `manual`: of the newest version, for matching. */
  trigger: string;
  enabled: 0 | 1;
  /** Number of the newest version. */
  version: number;
  created_at: number;
  updated_at: number;
}

export interface WorkflowVersionsTable {
  workflow_id: string;
  version: number;
  /** JSON, as validated by `features/workflows/schema.ts`. */
  definition: string;
  created_by: string | null;
  created_at: number;
}

declare module '@/platform/db/tables.ts' {
  interface Tables {
    workflows: WorkflowsTable;
    workflow_versions: WorkflowVersionsTable;
  }
}

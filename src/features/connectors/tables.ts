/** The table of connectors. */

export interface ConnectorsTable {
  id: string;
  kind: string;
  name: string;
  /** JSON without credentials. */
  settings: string;
  /** Credentials, AES-256-GCM. */
  sealed_credentials: string | null;
  created_at: number;
  updated_at: number;
}

declare module '@/platform/db/tables.ts' {
  interface Tables {
    connectors: ConnectorsTable;
  }
}

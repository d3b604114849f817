/** The tables of audit events and of the signed heads of their chain. */

export interface AuditEventsTable {
  id: string;
  occurred_at: number;
  actor_type: 'user' | 'anonymous' | 'system' | 'cli';
  actor_id: string | null;
  actor_name: string | null;
  action: string;
  target_type: string | null;
  target_id: string | null;
  outcome: 'success' | 'failure' | 'denied';
  request_id: string | null;
  address: string | null;
  /** JSON: ids and field names, never personal values or secrets. */
  details: string;
  /** Place in the chain; null until sealed. */
  seq: number | null;
  /** SHA-256 over the previous hash and this event, hex; null until sealed. */
  hash: string | null;
}

/** A signed head of the chain: up to `seq` everything is as `hash` says. */
export interface AuditHeadsTable {
  seq: number;
  hash: string;
  signed_at: number;
  key_id: string;
  public_key: string;
  signature: string;
}

declare module '@/platform/db/tables.ts' {
  interface Tables {
    audit_events: AuditEventsTable;
    audit_heads: AuditHeadsTable;
  }
}

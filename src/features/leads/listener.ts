/** What others are told of leads. Leads know nothing of those who listen. */
import type { Transaction } from '@/platform/db/database.ts';
import type { ChangeKind, Lead } from './schema.ts';

export interface LeadChange {
  readonly kind: ChangeKind;
  readonly leadId: string;
  /** As it is after the change; null once it is removed. */
  readonly lead: Lead | null;
  /** The run that made the change, if one did: what it starts could come back to it. */
  readonly runId: string | null;
}

export interface LeadListener {
  /** Inside the transaction of the change: what is written here exists exactly if the change does. */
  changed(trx: Transaction, change: LeadChange): Promise<void>;
  /** After the commit: wake whoever does the work. Not for the changes of a run, which are part of its checkpoint. */
  committed(): void;
}

/** Writes each change of a lead into its history, and tells those who listen, inside the transaction of the change. */
import type { Transaction } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { newId } from '@/platform/time/clock.ts';
import { insertChange } from './change_store.ts';
import type { LeadChange, LeadListener } from './listener.ts';

interface NewChange extends LeadChange {
  readonly actor: Actor;
  readonly at: number;
  /** Of the lead after the change. */
  readonly version: number;
  /** The values that it brought: they go when the lead does. */
  readonly data: Readonly<Record<string, unknown>>;
}

export class LeadHistory {
  /** `listeners` is asked with each change: features add to them. */
  constructor(private readonly listeners: () => readonly LeadListener[]) {}

  async record(trx: Transaction, change: NewChange): Promise<void> {
    const { kind, leadId, runId, actor, at, version, data } = change;
    await insertChange(trx, {
      id: newId(at),
      lead_id: leadId,
      kind,
      at,
      actor_type: actor.type,
      actor_id: actor.id,
      run_id: runId,
      request_id: actor.requestId,
      version,
      data: JSON.stringify(data),
    });
    for (const listener of this.listeners()) await listener.changed(trx, change);
  }

  committed(): void {
    for (const listener of this.listeners()) listener.committed();
  }
}

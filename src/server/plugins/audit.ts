/** Refusals for lack of rights go into the audit log, before the refusal is answered. */

import { Elysia } from 'elysia';
import { Forbidden } from '@/platform/errors/problem.ts';
import { actorOf } from '@/platform/http/context.ts';
import { problemOf } from '@/platform/http/thrown.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';

export interface AuditOptions {
  readonly audit: {
    recordAlone(event: {
      actor: Actor;
      action: string;
      target: { type: string; id: string };
      outcome: 'denied';
      details: Record<string, unknown>;
    }): Promise<void>;
  };
  readonly log: Logger;
}

export function auditRefusals({ audit, log }: AuditOptions) {
  return new Elysia({ name: 'audit-refusals' })
    .onError(async ({ error, request, route }) => {
      if (!(problemOf(error) instanceof Forbidden)) return;
      try {
        await audit.recordAlone({
          actor: actorOf(request),
          action: 'access.denied',
          target: { type: 'route', id: `${request.method} ${route ?? 'unmatched'}` },
          outcome: 'denied',
          details: {},
        });
      } catch (failure) {
        // The refusal itself changes nothing, so it stands even when its event cannot be written.
        log.error('refusal not audited', { error: failure });
      }
    })
    .as('global');
}

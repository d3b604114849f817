/**
 * `crm.upsert`: puts the lead into the configured CRM and stores the id of its record on the lead, in the same
 * transaction as the checkpoint. The CRM gets the same idempotency key on every repetition.
 */

import type { LeadService } from '@/features/leads/service.ts';
import { defineStep, StepFailure } from '@/features/workflows/step.ts';
import { parsed, requireSuccess } from '@/features/workflows/steps/answer.ts';
import type { ConnectorService } from '../service.ts';

interface Options {
  readonly connectors: Pick<ConnectorService, 'upsert'>;
  readonly leads: Pick<LeadService, 'updateFromRun'>;
}

export const crmUpsert = ({ connectors, leads }: Options) =>
  defineStep({
    type: 'crm.upsert',
    description: 'Creates or updates the lead in the CRM that is configured with POST /api/crm/config.',
    parameters: {},
    compile: () => ({
      reads: new Set(['lead', 'context', 'run', 'workflow']),
      async run({ scope, lead, actor, idempotencyKey, timeoutMs, signal }) {
        if (scope.lead === null) throw new StepFailure('the run has no lead', { transient: false });
        const answer = await connectors.upsert({ scope, idempotencyKey, timeoutMs, signal });
        if (!answer) throw new StepFailure('no CRM is configured', { transient: false });
        requireSuccess(answer, 'the CRM');
        // A PUT or PATCH under the lead's own key needs no answer to say which record it was.
        if (answer.body.trim() === '')
          return { output: { crm_id: lead?.crm_id ?? null, status: answer.status } };
        const body = parsed(answer.body);
        // A broken answer comes from something between us and the CRM, and the repeated call bears the same key.
        if (body === undefined)
          throw new StepFailure('the answer of the CRM is not JSON', { transient: true });
        const crmId = answer.recordId(body);
        if (crmId === null) {
          throw new StepFailure('the answer of the CRM has no id at the configured id_path', {
            transient: false,
          });
        }
        const output = { crm_id: crmId, status: answer.status };
        if (!lead) return { output };
        return {
          output,
          apply: (trx) => leads.updateFromRun(trx, actor, lead.id, { crm_id: crmId }),
        };
      },
    }),
  });

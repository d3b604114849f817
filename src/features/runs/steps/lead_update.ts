/** `lead.update`: changes fields of the run's lead, in the same transaction as the checkpoint. */
import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { LeadPatch } from '@/features/leads/schema.ts';
import { defineStep, StepFailure } from '@/features/workflows/step.ts';

const patchCheck = TypeCompiler.Compile(LeadPatch);

export const leadUpdate = defineStep({
  type: 'lead.update',
  description: 'Changes the given fields of the lead; null clears, custom fields are merged key by key.',
  parameters: {
    fields: Type.Partial(
      Type.Object(
        Object.fromEntries(Object.keys(LeadPatch.properties).map((name) => [name, Type.Unknown()])),
      ),
      {
        additionalProperties: false,
        minProperties: 1,
        description: 'With templates.',
        examples: [{ source: 'campaign {{context.campaign}}', custom_fields: { stage: 'contacted' } }],
      },
    ),
  },
  compile(step, compiler) {
    const template = compiler.value(step.fields, '/fields');
    return {
      reads: new Set([...template.reads, 'lead']),
      run({ services, scope, lead, leadId, actor }) {
        if (!lead) {
          const why = leadId ? 'the lead does not exist any more' : 'the run has no stored lead';
          throw new StepFailure(why, { transient: false });
        }
        const fields = template.render(scope);
        if (!patchCheck.Check(fields)) {
          const wrong = [...patchCheck.Errors(fields)].map(({ path, message }) => `${path}: ${message}`);
          throw new StepFailure(`the lead cannot take these values: ${wrong.slice(0, 5).join('; ')}`, {
            transient: false,
          });
        }
        return {
          output: { fields: Object.keys(fields) },
          apply: (trx) => services.leads.updateFromRun(trx, actor, lead.id, { fields }),
        };
      },
    };
  },
});

/** `lead.update`: changes fields of the run's lead, in the same transaction as the checkpoint. */

import { Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Value } from '@sinclair/typebox/value';
import { defineStep, StepFailure } from '@/features/workflows/step.ts';
import { storageFault } from '@/platform/json/faithful.ts';
import { pointerToken } from '@/platform/json/pointer.ts';
import { worded } from '@/platform/schema/words.ts';
import { LeadPatch } from '../schema.ts';
import type { LeadService } from '../service.ts';

const patchCheck = TypeCompiler.Compile(LeadPatch);

export const leadUpdate = (leads: Pick<LeadService, 'updateFromRun'>) =>
  defineStep({
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
          examples: [{ custom_fields: { stage: 'contacted', campaign: '{{context.campaign}}' } }],
        },
      ),
    },
    compile(step, compiler) {
      const fields = Object.entries(step.fields).map(([name, value]) => {
        const pointer = `/fields/${pointerToken(name)}`;
        const template = compiler.value(value, pointer);
        if (template.reads.size === 0) {
          const schema = LeadPatch.properties[name as keyof typeof LeadPatch.properties];
          const fault = Value.Errors(schema, template.render({})).First();
          if (fault) compiler.report(`${pointer}${fault.path}`, worded(fault));
        }
        return [name, template] as const;
      });
      return {
        reads: new Set(['lead', ...fields.flatMap(([, { reads }]) => [...reads])]),
        run({ scope, lead, actor }) {
          if (!lead) throw new StepFailure('the run has no stored lead', { transient: false });
          const values = Object.fromEntries(fields.map(([name, template]) => [name, template.render(scope)]));
          const wrong = faultsOf(values);
          if (wrong.length > 0) {
            const places = wrong.slice(0, 5).join('; ');
            throw new StepFailure(`the lead cannot take these values: ${places}`, { transient: false });
          }
          return {
            output: { fields: Object.keys(values) },
            apply: (trx) => leads.updateFromRun(trx, actor, lead.id, { fields: values }),
          };
        },
      };
    },
  });

/** The rules of the API: a run may store nothing that a client may not. */
function faultsOf(values: Record<string, unknown>): string[] {
  const unstorable = storageFault(values);
  if (unstorable) return [`${unstorable.path}: ${unstorable.message}`];
  return [...patchCheck.Errors(values)].map((fault) => `${fault.path}: ${worded(fault)}`);
}

/** Workflows as the API shows and takes them. What a step may hold depends on its type: see `definition.ts`. */
import { type Static, Type } from '@sinclair/typebox';
import { idOf, nullable, pageFields, paging } from '@/platform/schema/parts.ts';

const Trigger = Type.String({
  minLength: 1,
  maxLength: 100,
  description: 'What starts a run by itself. Any workflow can also be started by hand.',
  examples: ['lead.created'],
});

const fields = {
  name: Type.String({ minLength: 1, maxLength: 100, examples: ['New lead to CRM'] }),
  description: nullable(Type.String({ maxLength: 2000, examples: ['Puts every new lead into the CRM.'] })),
  trigger: Trigger,
  enabled: Type.Boolean({ default: true, description: 'false: no new runs; those under way finish.' }),
};

/** Only the outline: each step is checked against the schema of its own type, so that errors name the field. */
const Step = Type.Unsafe<{ id: string; type: string; [parameter: string]: unknown }>(
  Type.Object(
    { id: Type.String(), type: Type.String() },
    {
      title: 'WorkflowStep',
      description: 'A step; what else it has depends on its type.',
      additionalProperties: true,
      examples: [{ id: 'crm', type: 'crm.upsert' }],
    },
  ),
);

const EXAMPLE = {
  name: 'New lead to CRM',
  description: 'Waits ten minutes for corrections, puts the lead into the CRM, then tells the sales chat.',
  trigger: 'lead.created',
  steps: [
    { id: 'wait', type: 'delay', duration_ms: 600_000 },
    { id: 'crm', type: 'crm.upsert', retry: { max_attempts: 8 } },
    {
      id: 'tell',
      type: 'http.request',
      method: 'POST',
      url: 'https://chat.example.com/hooks/sales',
      body: { text: '{{lead.last_name | default: lead.email}} is in the CRM: {{steps.crm.output.crm_id}}' },
    },
  ],
};

export const WorkflowInput = Type.Object(
  {
    name: fields.name,
    description: Type.Optional(fields.description),
    trigger: fields.trigger,
    enabled: Type.Optional(fields.enabled),
    steps: Type.Array(Step, { minItems: 1, maxItems: 100 }),
  },
  { title: 'WorkflowInput', additionalProperties: false, examples: [EXAMPLE] },
);
export type WorkflowInput = Static<typeof WorkflowInput>;

export const Workflow = Type.Object(
  {
    id: Type.String(idOf('workflow')),
    ...fields,
    version: Type.Integer({
      minimum: 1,
      description: 'Grows with each change; the ETag.',
      ...idOf('workflow version'),
    }),
    steps: Type.Array(Step),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  },
  { title: 'Workflow', description: 'The workflow in its newest version.', additionalProperties: false },
);
export type Workflow = Static<typeof Workflow>;

export const WorkflowVersion = Type.Object(
  {
    workflow_id: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    ...fields,
    steps: Type.Array(Step),
    created_by: nullable(Type.String()),
    created_at: Type.String({ format: 'date-time' }),
  },
  {
    title: 'WorkflowVersion',
    description: 'The workflow as it was in this version.',
    additionalProperties: false,
  },
);
export type WorkflowVersion = Static<typeof WorkflowVersion>;

export const WorkflowQuery = Type.Object(
  {
    ...paging,
    trigger: Type.Optional(fields.trigger),
  },
  { additionalProperties: false },
);
export type WorkflowQuery = Static<typeof WorkflowQuery>;

export const WorkflowPage = Type.Object(
  {
    ...pageFields,
    workflows: Type.Array(Workflow),
  },
  { title: 'WorkflowPage', description: 'A page of workflows.' },
);
export type WorkflowPage = Static<typeof WorkflowPage>;

/** Not restricted to UUIDs: an id that cannot exist is simply not found. */
export const WorkflowId = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100, description: 'Id of the workflow.', ...idOf('workflow') }),
});
export const WorkflowVersionId = Type.Object({
  ...WorkflowId.properties,
  version: Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    description: 'Number of the version.',
    ...idOf('workflow version'),
  }),
});

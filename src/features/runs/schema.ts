/** Runs as the API shows them, and the request that starts one by hand. */
import { type Static, Type } from '@sinclair/typebox';
import { LeadInput } from '@/features/leads/schema.ts';
import { idOf, nullable, paging } from '@/platform/schema/parts.ts';

const time = (description: string) => Type.String({ format: 'date-time', description });

export const TriggerInput = Type.Object(
  {
    workflow_id: Type.String({ minLength: 1, maxLength: 100, ...idOf('workflow') }),
    lead_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'The stored lead to work on.',
        ...idOf('lead'),
      }),
    ),
    lead_data: Type.Optional({
      ...LeadInput,
      description: 'Instead of a stored lead, or in place of some of its fields. Not stored as a lead.',
    }),
    custom_context: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'For templates: `{{context.<name>}}`.',
        examples: [{ campaign: 'spring' }],
      }),
    ),
  },
  {
    title: 'TriggerInput',
    additionalProperties: false,
    examples: [
      { workflow_id: '0192f3a0-7f6e-7cc1-9d3b-3f1f6f0c9a11', custom_context: { campaign: 'spring' } },
    ],
  },
);
export type TriggerInput = Static<typeof TriggerInput>;

export const Triggered = Type.Object(
  {
    workflow_id: Type.String(),
    execution_id: Type.String(idOf('run')),
    status: Type.Literal('triggered'),
    message: Type.String({ examples: ['Workflow triggered'] }),
    timestamp: time('When the run was stored.'),
  },
  { title: 'Triggered', description: 'The run is stored, and is carried out from now on.' },
);
export type Triggered = Static<typeof Triggered>;

const Status = Type.Union(
  [
    Type.Literal('queued'),
    Type.Literal('running'),
    Type.Literal('waiting'),
    Type.Literal('completed'),
    Type.Literal('failed'),
    Type.Literal('cancelled'),
  ],
  { title: 'RunStatus', examples: ['completed'] },
);

export const WorkflowStatus = Type.Object(
  {
    workflow_id: Type.String(),
    status: Type.Union([Type.Literal('active'), Type.Literal('disabled')]),
    execution_count: Type.Integer({ examples: [1], description: 'Runs that are still kept.' }),
    last_execution: nullable(
      Type.Object({
        execution_id: Type.String(),
        status: Status,
        completed_at: nullable(time('Null while it has not ended.')),
      }),
    ),
  },
  { title: 'WorkflowStatus', description: 'How the workflow is doing.' },
);
export type WorkflowStatus = Static<typeof WorkflowStatus>;

const run = {
  id: Type.String(idOf('run')),
  workflow_id: Type.String(),
  workflow_version: Type.Integer({ minimum: 1 }),
  lead_id: nullable(Type.String()),
  trigger: Type.String({ examples: ['lead.created'] }),
  status: Status,
  step_index: Type.Integer({
    examples: [1],
    description: 'Index of the next step; the number of steps at the end.',
  }),
  attempt: Type.Integer({ examples: [1], description: 'Attempts made of that step so far.' }),
  error: nullable(Type.String({ description: 'Of the last attempt, if it failed.' })),
  available_at: time('Not carried out before this: a delay or a retry.'),
  created_at: time('When it was triggered.'),
  started_at: nullable(time('When an executor first took it.')),
  completed_at: nullable(time('When it completed, failed or was cancelled.')),
};

export const Run = Type.Object(run, {
  title: 'Run',
  description: 'The run as it is now.',
  additionalProperties: false,
});
export type Run = Static<typeof Run>;

export const RunDetail = Type.Object(
  {
    ...run,
    custom_context: Type.Record(Type.String(), Type.Unknown(), { examples: [{ campaign: 'spring' }] }),
    attempts: Type.Array(
      Type.Object(
        {
          step_index: Type.Integer(),
          step_id: Type.String({ examples: ['crm'] }),
          step_type: Type.String({ examples: ['crm.upsert'] }),
          attempt: Type.Integer({ minimum: 1 }),
          outcome: Type.Union([Type.Literal('succeeded'), Type.Literal('failed')]),
          output: Type.Unknown({
            description: 'Null for a failed attempt.',
            examples: [{ crm_id: '4711', status: 201 }],
          }),
          error: nullable(Type.String()),
          started_at: time('Start of the attempt.'),
          finished_at: time('End of the attempt.'),
        },
        { title: 'Attempt', description: 'One try of one step.' },
      ),
    ),
  },
  {
    title: 'RunDetail',
    description: 'The run, with every attempt of every step.',
    additionalProperties: false,
  },
);
export type RunDetail = Static<typeof RunDetail>;

export const Retried = Type.Object(
  {
    execution_id: Type.String(idOf('run')),
    status: Type.Literal('queued'),
  },
  { title: 'Retried', description: 'The run waits to go on.' },
);
export type Retried = Static<typeof Retried>;

export const RunQuery = Type.Object(
  {
    workflow_id: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Only runs of this workflow.',
        examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'],
      }),
    ),
    lead_id: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Only runs for this lead.',
        examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'],
      }),
    ),
    status: Type.Optional({ ...Status, description: 'Only runs in this state.' }),
    limit: paging.limit,
    cursor: Type.Optional(
      Type.String({
        maxLength: 100,
        description: '`next_cursor` of the page before this one.',
        examples: ['0199b6a2-5c1e-7c3a-9d41-6f0e8b2a4c77'],
      }),
    ),
  },
  { additionalProperties: false },
);
export type RunQuery = Static<typeof RunQuery>;

export const RunPage = Type.Object(
  {
    runs: Type.Array(Run),
    next_cursor: nullable(Type.String(), 'Send it as `cursor` for the runs before these; null at the end.'),
  },
  { title: 'RunPage', description: 'A page of runs.' },
);
export type RunPage = Static<typeof RunPage>;

export const RunId = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100, description: 'Id of the run.', ...idOf('run') }),
});

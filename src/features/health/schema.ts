/** The answers of health. */
import { type SchemaOptions, type Static, type TSchema, Type } from '@sinclair/typebox';

const Word = Type.Union([
  Type.Literal('running'),
  Type.Literal('ready'),
  Type.Literal('active'),
  Type.Literal('degraded'),
  Type.Literal('unavailable'),
  Type.Literal('not_configured'),
]);
export type ComponentWord = Static<typeof Word>;

const common = {
  status: Type.Union([Type.Literal('healthy'), Type.Literal('degraded'), Type.Literal('unhealthy')]),
  version: Type.String({ examples: ['1.0.0'] }),
  timestamp: Type.String({ format: 'date-time', description: 'When the parts were asked.' }),
  reasons: Type.Optional(
    Type.Array(Type.String(), { description: 'Why the status is not healthy.', examples: [[]] }),
  ),
  warnings: Type.Optional(
    Type.Array(Type.String(), { description: 'What the operator should know although nothing is broken.' }),
  ),
};

export const Health = Type.Object({
  ...common,
  components: Type.Record(Type.String(), Word, {
    examples: [
      {
        api: 'running',
        audit: 'running',
        redis: 'ready',
        crm_connector: 'not_configured',
        lead_ingest: 'ready',
        workflow_runner: 'running',
      },
    ],
  }),
});
export type Health = Static<typeof Health>;

const orNull = <T extends TSchema>(schema: T, options: SchemaOptions) =>
  Type.Union([schema, Type.Null()], options);

/** Null where one cannot be had, above all while the database does not answer. */
const figures = {
  queue_depth: orNull(Type.Integer(), { description: 'Runs that wait to be carried out.', examples: [0] }),
  leads_cached: orNull(Type.Integer(), { description: 'Leads in the database.', examples: [3] }),
  workflows_cached: orNull(Type.Integer(), { description: 'Workflow definitions.', examples: [1] }),
  redis_mode: orNull(Type.String(), { description: 'real or embedded.', examples: ['embedded'] }),
  workers_ready: orNull(Type.Integer(), { description: 'Workers that serve.', examples: [4] }),
  workers_wanted: orNull(Type.Integer(), { description: 'Workers there should be.', examples: [4] }),
};
export type Figures = { readonly [Name in keyof typeof figures]: Static<(typeof figures)[Name]> };

export const DetailedHealth = Type.Object({
  ...common,
  cache: Type.Union([Type.Literal('active'), Type.Literal('degraded')], {
    description:
      'active: all workers share this answer. degraded: Redis is lost, and each worker keeps its own.',
  }),
  ...figures,
  components: Type.Record(Type.String(), Type.Union([Type.String(), Type.Integer(), Type.Null()]), {
    description: 'The components, and the figures once more beside them.',
  }),
});
export type DetailedHealth = Static<typeof DetailedHealth>;

export const HealthQuery = Type.Object(
  {
    probe: Type.Optional(
      Type.Union([Type.Literal('live'), Type.Literal('ready')], {
        description: 'live: the process answers, nothing else is asked. ready: 503 unless it can serve.',
      }),
    ),
  },
  { additionalProperties: false },
);

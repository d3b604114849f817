/** The answers of health. */
import { type Static, Type } from '@sinclair/typebox';

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

const figures = {
  cache: Type.String({ examples: ['active'] }),
  queue_depth: Type.Optional(Type.Integer({ description: 'Runs that wait to be carried out.' })),
  leads_cached: Type.Optional(Type.Integer({ description: 'Leads in the database.' })),
  workflows_cached: Type.Optional(Type.Integer({ description: 'Workflow definitions.' })),
  redis_mode: Type.Optional(Type.String({ description: 'real or embedded.', examples: ['embedded'] })),
  workers_ready: Type.Optional(Type.Integer()),
  workers_wanted: Type.Optional(Type.Integer()),
};

export const DetailedHealth = Type.Object({
  ...common,
  ...figures,
  components: Type.Record(Type.String(), Type.Union([Type.String(), Type.Integer()]), {
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

/** The answers of health. */
import { type Static, Type } from '@sinclair/typebox';
import { ComponentWord, type HealthFigure } from './components.ts';

const common = {
  status: Type.Union([Type.Literal('healthy'), Type.Literal('degraded'), Type.Literal('unhealthy')]),
  version: Type.String({ examples: ['1.0.0'] }),
  timestamp: Type.String({ format: 'date-time', description: 'When the parts were asked.' }),
  reasons: Type.Optional(
    Type.Array(Type.String(), { description: 'Why the status is not healthy.', examples: [[]] }),
  ),
  warnings: Type.Optional(
    Type.Array(Type.String(), {
      description: 'What the operator should know although nothing is broken.',
      examples: [[]],
    }),
  ),
};

export const Health = Type.Object(
  {
    ...common,
    components: Type.Record(Type.String(), ComponentWord, {
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
  },
  { title: 'Health', description: 'It serves; `status` says whether all is well.' },
);
export type Health = Static<typeof Health>;

export type Figures = Readonly<Record<string, number | string | null>>;

/** The answer with the figures there are. Null where one cannot be had, above all while the database does not answer. */
export const detailedHealth = (figures: readonly HealthFigure[]) =>
  Type.Unsafe<DetailedHealth>(
    Type.Object(
      {
        ...common,
        cache: Type.Union([Type.Literal('active'), Type.Literal('degraded')], {
          description:
            'active: all workers share this answer. degraded: Redis is lost, and each worker keeps its own.',
        }),
        ...Object.fromEntries(
          figures.map(({ name, description, example }) => [
            name,
            Type.Union([typeof example === 'number' ? Type.Integer() : Type.String(), Type.Null()], {
              description,
              examples: [example],
            }),
          ]),
        ),
        components: Type.Record(Type.String(), Type.Union([Type.String(), Type.Integer(), Type.Null()]), {
          description: 'The components, and the figures once more beside them.',
          examples: [
            {
              api: 'running',
              redis: 'ready',
              ...Object.fromEntries(figures.map(({ name, example }) => [name, example])),
            },
          ],
        }),
      },
      { title: 'DetailedHealth', description: 'It serves; `status` says whether all is well.' },
    ),
  );
export type DetailedHealth = Omit<Health, 'components'> & {
  readonly cache: 'active' | 'degraded';
  readonly components: Figures;
};

/** Of the answers 503. */
const UNWELL = {
  status: 'unhealthy',
  version: '1.0.0',
  timestamp: '2026-01-31T09:30:00.000Z',
  reasons: ['The database does not answer.'],
  components: { api: 'running', audit: 'unavailable', lead_ingest: 'unavailable' },
};

/** How the API document shows the answers 503: `rest` is what this one has beside what all have. */
export const unwell = (rest: Readonly<Record<string, unknown>> = {}) => ({
  description: 'It cannot serve; `reasons` says why.',
  content: { 'application/json': { example: { ...UNWELL, ...rest } } },
});

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

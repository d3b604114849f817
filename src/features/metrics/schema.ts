/** The JSON answer of /metrics. */
import { type Static, Type } from '@sinclair/typebox';

export const MetricsAnswer = Type.Object(
  {
    timestamp: Type.String({ format: 'date-time' }),
    metrics: Type.Object({
      requests_total: Type.Integer({
        examples: [1500],
        description: 'Requests answered since the server started, by all workers.',
      }),
      requests_failed: Type.Integer({ description: 'Of these, answers with a status of 500 or more.' }),
      avg_latency_ms: Type.Number({ examples: [4.2] }),
      max_latency_ms: Type.Number({
        examples: [260.7],
        description: 'Of all requests since the server started, by all workers.',
      }),
      uptime_seconds: Type.Number({
        examples: [3600],
        description: 'Since the start of the server, not of one worker.',
      }),
      queue_depth: Type.Union([Type.Integer(), Type.Null()], {
        description: 'Runs that wait to be carried out; null while the database does not answer.',
        examples: [0],
      }),
    }),
    rate_limit: Type.Object({
      enabled: Type.Boolean(),
      window_seconds: Type.Integer({ examples: [60] }),
      max_requests: Type.Integer({ examples: [120] }),
    }),
  },
  { title: 'MetricsAnswer', description: 'Figures over all workers.' },
);
export type MetricsAnswer = Static<typeof MetricsAnswer>;

/** The server about itself: what runs, for everybody, and its configuration, for admins. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { masked } from '@/platform/config/masked.ts';
import type { Config, ConfigSchema, LiveConfig } from '@/platform/config/schema.ts';
import { accessControl } from '@/platform/http/access.ts';
import type { FleetState, RedisTarget } from '@/platform/ipc/messages.ts';
import { iso, now } from '@/platform/time/clock.ts';

interface Options {
  readonly config: LiveConfig;
  readonly configSchema: ConfigSchema;
  readonly fleet: () => FleetState;
  readonly redis: { readonly target: RedisTarget };
  readonly version: string;
}

const Status = Type.Object(
  {
    name: Type.String({ examples: ['automation-orchestrator'] }),
    status: Type.String({ examples: ['running'] }),
    version: Type.String({ examples: ['1.0.0'] }),
    timestamp: Type.String({ format: 'date-time' }),
    uptime_seconds: Type.Integer({ examples: [3600], description: 'Since the start of the server.' }),
    workers: Type.Object({ ready: Type.Integer({ examples: [4] }), wanted: Type.Integer({ examples: [4] }) }),
    redis_mode: Type.Union([Type.Literal('real'), Type.Literal('embedded')]),
    authentication: Type.Boolean({ description: 'false: everybody is an operator.' }),
    rate_limit: Type.Object({
      enabled: Type.Boolean(),
      window_seconds: Type.Integer({ examples: [60] }),
      max_requests: Type.Integer({ examples: [120] }),
    }),
  },
  { title: 'ServerStatus', description: 'What runs here.' },
);

export const adminRoutes = ({ config, configSchema, fleet, redis, version }: Options) =>
  new Elysia({ name: 'admin', prefix: '/api', tags: ['admin'] })
    .use(accessControl)
    .get(
      '/status',
      () => {
        const { startedAt, workersReady, workersWanted } = fleet();
        const { enabled, window_seconds, max_requests } = config.current.rate_limit;
        return {
          name: 'automation-orchestrator',
          status: 'running',
          version,
          timestamp: iso(now()),
          uptime_seconds: Math.max(0, Math.round((now() - startedAt) / 1000)),
          workers: { ready: workersReady, wanted: workersWanted },
          redis_mode: redis.target.mode,
          authentication: config.current.auth.enabled,
          rate_limit: { enabled, window_seconds, max_requests },
        };
      },
      {
        access: 'public',
        response: { 200: Status },
        detail: {
          operationId: 'getStatus',
          summary: 'Status',
          description: 'What runs here, in a few words. For whether it is well, see `/health`.',
        },
      },
    )
    .get('/admin/config', () => masked(configSchema, config.current), {
      access: 'admin:read',
      response: {
        200: Type.Unsafe<Config>({
          ...configSchema.schema,
          title: 'Configuration',
          description: 'The configuration as it applies now.',
        }),
      },
      detail: {
        operationId: 'getConfig',
        summary: 'Configuration',
        description: 'As it applies now, defaults included, with secrets masked.',
      },
    });

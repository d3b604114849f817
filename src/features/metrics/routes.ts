/** `/metrics` over HTTP: figures in JSON, or the exposition for whoever prefers it in `Accept`. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { accessControl } from '@/platform/http/access.ts';
import { contextOf } from '@/platform/http/context.ts';
import { CONTENT_TYPES, preferredFormat } from '@/platform/metrics/exposition.ts';
import { MetricsAnswer } from './schema.ts';
import type { MetricsService } from './service.ts';

const EXPOSITION = {
  schema: { type: 'string' as const },
  example: '# HELP ao_redis_up Whether Redis answers.\n# TYPE ao_redis_up gauge\nao_redis_up 1\n',
};

interface Options {
  readonly metricsService: Pick<MetricsService, 'json' | 'scrape'>;
  readonly config: LiveConfig;
}

export const metricsRoutes = ({ metricsService, config }: Options) =>
  new Elysia({ name: 'metrics-routes', tags: ['monitoring'] }).use(accessControl).get(
    '/metrics',
    async ({ request, set }) => {
      // Only the configuration, which can change while running, says whether this route is public.
      if (!config.current.monitoring.public_metrics)
        await contextOf(request).admit('/metrics', 'authenticated');
      const format = preferredFormat(request.headers.get('accept'));
      set.headers.vary = 'accept';
      if (format === 'json') return metricsService.json();
      set.headers['content-type'] = CONTENT_TYPES[format];
      return metricsService.scrape(format);
    },
    {
      access: 'public',
      response: { 200: Type.Union([MetricsAnswer, Type.String()]) },
      detail: {
        operationId: 'getMetrics',
        summary: 'Metrics',
        description:
          'Of all workers, whichever answers. With an `Accept` that prefers `text/plain` or ' +
          '`application/openmetrics-text`: the Prometheus exposition. Needs credentials when ' +
          '`monitoring.public_metrics` is false.',
        security: [{}, { bearerAuth: [] }, { apiKey: [] }],
        'x-refusals': {
          401: 'No credentials, while `monitoring.public_metrics` is false.',
          429: 'The limit is used up, while `monitoring.public_metrics` is false.',
        },
        responses: {
          200: {
            description: 'In the format that `Accept` prefers.',
            content: {
              'application/json': { schema: JSON.parse(JSON.stringify(MetricsAnswer)) },
              'text/plain': EXPOSITION,
              'application/openmetrics-text': EXPOSITION,
            },
          },
        },
      },
    },
  );

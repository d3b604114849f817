/** `/health` over HTTP, for people, dashboards and orchestrators. */
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { iso, now } from '@/platform/time/clock.ts';
import type { HealthFigure } from './components.ts';
import { detailedHealth, Health, HealthQuery, unwell } from './schema.ts';
import type { HealthService } from './service.ts';

interface Options {
  readonly health: Pick<HealthService, 'short' | 'ready' | 'detailed'>;
  readonly version: string;
  readonly figures: readonly HealthFigure[];
}

const statusOf = ({ status }: { readonly status: string }): 200 | 503 => (status === 'unhealthy' ? 503 : 200);

export const healthRoutes = ({ health, version, figures }: Options) =>
  new Elysia({ name: 'health', tags: ['monitoring'] })
    .use(accessControl)
    .get(
      '/health',
      async ({ query, set }) => {
        if (query.probe === 'live') {
          return {
            status: 'healthy' as const,
            version,
            timestamp: iso(now()),
            components: { api: 'running' as const },
          };
        }
        const answer = await (query.probe === 'ready' ? health.ready() : health.short());
        set.status = statusOf(answer);
        return answer;
      },
      {
        access: 'public',
        query: HealthQuery,
        response: { 200: Health, 503: Health },
        detail: {
          operationId: 'getHealth',
          responses: { 503: unwell() },
          summary: 'Health',
          description:
            'Each component is really asked. `degraded` still serves and answers 200, `unhealthy` answers 503. ' +
            'Orchestrators use `?probe=live` (the process answers) and `?probe=ready` (also 503 once this worker is about to leave).',
        },
      },
    )
    .get(
      '/health/detailed',
      async ({ set }) => {
        const answer = await health.detailed();
        set.status = statusOf(answer);
        return answer;
      },
      {
        access: 'public',
        response: { 200: detailedHealth(figures), 503: detailedHealth(figures) },
        detail: {
          operationId: 'getDetailedHealth',
          responses: {
            503: unwell({
              cache: 'active',
              ...Object.fromEntries(figures.map(({ name }) => [name, null])),
            }),
          },
          summary: 'Health with figures',
          description:
            'The same with queue depth and counts, null where one cannot be had; asked anew at most every 5 seconds, and ' +
            'the same from every worker.',
        },
      },
    );

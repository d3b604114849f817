/** How the server is: its own parts, and those that features bring. */
import { defineModule } from '@/platform/module/module.ts';
import { apiCheck, redisCheck, standingWarnings } from './checks.ts';
import type { HealthCheck, HealthFigure } from './components.ts';
import { monitoringSection } from './config.ts';
import { healthRoutes } from './routes.ts';
import { HealthService } from './service.ts';
import { SharedHealth } from './shared.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    health: HealthService;
  }
  interface Extensions {
    /** A part of the server that health asks. */
    healthCheck: HealthCheck;
    /** A figure of the detailed health. */
    healthFigure: HealthFigure;
  }
}

export const healthModule = defineModule({
  name: 'health',
  tags: [{ name: 'monitoring', order: 90, description: 'Health and metrics.' }],
  config: monitoringSection,
  provides: ['health'],
  open({ config, redis, fleet, serverId, version }, _services, contributions) {
    const health = new HealthService({
      version,
      checks: () => contributions.all('healthCheck'),
      figures: () => contributions.all('healthFigure'),
      shared: new SharedHealth({ redis, serverId }),
      warnings: () => standingWarnings({ config, redis }),
    });
    return {
      services: { health },
      extends: {
        healthCheck: [apiCheck(fleet), redisCheck(redis)],
        healthFigure: [
          {
            name: 'redis_mode',
            description: 'real or embedded.',
            example: 'embedded',
            read: async () => redis.target.mode,
          },
          {
            name: 'workers_ready',
            description: 'Workers that serve.',
            example: 4,
            read: async () => fleet().workersReady,
          },
          {
            name: 'workers_wanted',
            description: 'Workers there should be.',
            example: 4,
            read: async () => fleet().workersWanted,
          },
        ],
      },
      operationRoutes: () => healthRoutes({ health, version, figures: contributions.all('healthFigure') }),
      leaving: () => health.leave(),
    };
  },
});

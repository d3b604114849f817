/** The metrics of all workers: a few figures in JSON, or the Prometheus exposition. */
import { defineModule } from '@/platform/module/module.ts';
import { metricsRoutes } from './routes.ts';
import { MetricsService } from './service.ts';

export const metricsModule = defineModule({
  name: 'metrics',
  needs: ['runs'],
  open({ metrics, log, config, fleet, redis, version }, { runs }) {
    const queueDepth = () => runs.queueDepth();
    const metricsService = new MetricsService({ metrics, log, config, fleet, redis, queueDepth, version });
    return {
      operationRoutes: () => metricsRoutes({ metricsService, config }),
      lastJobs: [metricsService.meter.job],
    };
  },
});

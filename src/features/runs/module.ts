/** The run engine: runs are put into the queue, carried out, shown and cleared away. */

import { greatestOf } from '@/platform/metrics/figures.ts';
import { defineModule } from '@/platform/module/module.ts';
import { runsSection } from './config.ts';
import { RunExecutor } from './executor.ts';
import { runnerCheck } from './health.ts';
import { HEARTBEAT, MOST_WORKFLOW_NAMES, RunMetrics, registerQueueMetrics } from './metrics.ts';
import { runsTables } from './migrations/2026_11_24_runs.ts';
import { runRetries } from './migrations/2026_11_26_run_retries.ts';
import { RunQueue } from './queue.ts';
import { QueueWatch } from './queue_watch.ts';
import { clearOldRuns } from './retention.ts';
import { runRoutes } from './routes.ts';
import { RunService } from './service.ts';
import { RunSignals } from './signals.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    runs: RunService;
    runQueue: RunQueue;
    runSignals: RunSignals;
  }
}

declare module '@/platform/identity/permissions.ts' {
  interface PermissionNames {
    'runs:read': true;
    'runs:write': true;
  }
}

export const runsModule = defineModule({
  name: 'runs',
  tags: [{ name: 'runs', order: 40, description: 'Workflows being carried out, with every attempt.' }],
  config: runsSection,
  permissions: { 'runs:read': 'viewer', 'runs:write': 'operator' },
  migrations: [runsTables, runRetries],
  needs: ['audit', 'idempotency', 'workflows', 'leads'],
  provides: ['runs', 'runQueue', 'runSignals'],
  open(core, { audit, idempotency, workflows, leads }, contributions) {
    const { db, redis, config, log, metrics, processName } = core;
    const runMetrics = new RunMetrics(metrics);
    const signals = new RunSignals({ redis });
    const queue = new RunQueue({ workflows, signals });
    const runs = new RunService({
      db,
      audit,
      idempotency,
      workflows,
      leads,
      queue,
      signals,
      metrics: runMetrics,
    });
    const executor = new RunExecutor({
      db,
      workflows,
      leads,
      signals,
      metrics: runMetrics,
      config,
      log,
      name: processName,
    });
    registerQueueMetrics(metrics, runs);
    const queueDepth = () => runs.queueDepth();
    const runsHere = config.current.server.role !== 'api';
    const beat = async (): Promise<number | null> => greatestOf(await metrics.collect(), HEARTBEAT) || null;
    return {
      services: { runs, runQueue: queue, runSignals: signals },
      extends: {
        leadListener: [queue],
        workflowStored: [(name) => runMetrics.workflow(name)],
        healthCheck: [runnerCheck({ config, runs, executor: runsHere ? executor : null, beat })],
        healthFigure: [
          {
            name: 'queue_depth',
            description: 'Runs that wait to be carried out.',
            example: 0,
            read: queueDepth,
          },
        ],
        cleanup: [{ name: 'finished runs', run: (signal) => clearOldRuns({ db, config }, signal) }],
      },
      routes: () => runRoutes({ runs }),
      ready: async () => {
        runMetrics.steps(contributions.all('step').map(({ type }) => type));
        for (const name of await workflows.names(MOST_WORKFLOW_NAMES)) runMetrics.workflow(name);
      },
      jobs: [new QueueWatch({ db, config, log, metrics, queueDepth }).job, ...(runsHere ? [executor] : [])],
      close: () => signals.close(),
    };
  },
});

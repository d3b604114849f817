/** An engine in this process for tests: the modules over one database, and as many executors as a test wants. */
import { auditModule } from '@/features/audit/module.ts';
import { connectorsModule } from '@/features/connectors/module.ts';
import { leadsModule } from '@/features/leads/module.ts';
import { RunExecutor } from '@/features/runs/executor.ts';
import { RunMetrics } from '@/features/runs/metrics.ts';
import { runsModule } from '@/features/runs/module.ts';
import { workflowsModule } from '@/features/workflows/module.ts';
import type { WorkflowInput } from '@/features/workflows/schema.ts';
import type { StepType } from '@/features/workflows/step.ts';
import type { Config } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { silentLogger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { defineModule } from '@/platform/module/module.ts';
import { openModules } from '@/platform/module/open.ts';
import { testConfig } from './config.ts';
import { testCore } from './core.ts';

export const tester: Actor = { type: 'user', id: 'u1', name: 'tester', requestId: null, address: null };

export function engineConfig(runs: Partial<Config['runs']> = {}): { current: Config } {
  const outbound = { allow_private: ['127.0.0.0/8'], timeout_ms: 5000 };
  const quick = { poll_interval_ms: 25, retry_base_ms: 5, retry_max_ms: 20, ...runs };
  return { current: testConfig({ outbound, runs: quick }) };
}

export type Engine = ReturnType<typeof testEngine>;

export function testEngine(
  db: Database,
  options: { runs?: Partial<Config['runs']>; stepTypes?: readonly StepType[]; metrics?: Metrics } = {},
) {
  const config = engineConfig(options.runs);
  const core = testCore(db, { config, ...(options.metrics ? { metrics: options.metrics } : {}) });
  const ofTest = defineModule({
    name: 'test',
    open: () => ({ extends: { step: options.stepTypes ?? [] } }),
  });
  const modules = [auditModule, workflowsModule, leadsModule, connectorsModule, runsModule, ofTest];
  const { services } = openModules(modules, core);
  const { audit, workflows, leads, connectors, runs, runQueue: queue, runSignals: signals } = services;
  const metrics = new RunMetrics(core.metrics);
  const executor = (name: string, over: Partial<ConstructorParameters<typeof RunExecutor>[0]> = {}) =>
    new RunExecutor({
      db,
      workflows,
      leads,
      signals,
      metrics,
      config,
      log: silentLogger,
      name,
      ...over,
    });
  const workflow = (steps: WorkflowInput['steps'], over: Partial<WorkflowInput> = {}) =>
    workflows.create(tester, { name: 'test', trigger: 'manual', steps, ...over }, null);
  const start = async (workflowId: string, over: object = {}): Promise<string> =>
    (await runs.trigger(tester, { workflow_id: workflowId, ...over }, null)).execution_id;
  return {
    db,
    config,
    audit,
    connectors,
    workflows,
    signals,
    queue,
    leads,
    runs,
    executor,
    workflow,
    start,
  };
}

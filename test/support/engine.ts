/** An engine in this process for tests: services over one database, and as many executors as a test wants. */

import { Value } from '@sinclair/typebox/value';
import { AuditLog } from '@/features/audit/service.ts';
import { ConnectorService } from '@/features/connectors/service.ts';
import { LeadService } from '@/features/leads/service.ts';
import { RunExecutor } from '@/features/runs/executor.ts';
import { RunMetrics } from '@/features/runs/metrics.ts';
import { RunQueue } from '@/features/runs/queue.ts';
import { RunService } from '@/features/runs/service.ts';
import { RunSignals } from '@/features/runs/signals.ts';
import { STEP_TYPES } from '@/features/runs/steps/registry.ts';
import type { WorkflowInput } from '@/features/workflows/schema.ts';
import { WorkflowService } from '@/features/workflows/service.ts';
import type { StepType } from '@/features/workflows/step.ts';
import { type Config, ConfigSchema } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { Idempotency } from '@/platform/idempotency/idempotency.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import { silentLogger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { OutboundClient } from '@/platform/outbound/client.ts';

export const tester: Actor = { type: 'user', id: 'u1', name: 'tester', requestId: null, address: null };
export const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

/** Redis that is lost for good: nothing may depend on it. */
export const noRedis = { publish: () => undefined, subscribe: () => () => undefined };

/** Metrics that keep nothing. */
export const noMetrics: Metrics = {
  counter: () => ({ inc: () => undefined }),
  gauge: () => ({ set: () => undefined, add: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  computed: () => undefined,
  collect: async () => [],
  close: () => undefined,
};

export function testConfig(runs: Partial<Config['runs']> = {}): { current: Config } {
  const current = Value.Default(ConfigSchema, {}) as Config;
  return {
    current: {
      ...current,
      outbound: { ...current.outbound, allow_private: ['127.0.0.0/8'], timeout_ms: 5000 },
      runs: { ...current.runs, poll_interval_ms: 25, retry_base_ms: 5, retry_max_ms: 20, ...runs },
    },
  };
}

export type Engine = ReturnType<typeof testEngine>;

export function testEngine(
  db: Database,
  options: { runs?: Partial<Config['runs']>; stepTypes?: readonly StepType[]; metrics?: Metrics } = {},
) {
  const config = testConfig(options.runs);
  const audit = new AuditLog({ db });
  const idempotency = new Idempotency({ db, config });
  const outbound = new OutboundClient({ config });
  const connectors = new ConnectorService({
    db,
    audit,
    outbound,
    redis: noRedis,
    encryptionKey: ENCRYPTION_KEY,
  });
  const metrics = new RunMetrics(options.metrics ?? noMetrics);
  const workflows = new WorkflowService({
    db,
    audit,
    idempotency,
    stepTypes: options.stepTypes ?? STEP_TYPES,
    stored: (name) => metrics.workflow(name),
  });
  const signals = new RunSignals({ redis: noRedis });
  const queue = new RunQueue({ workflows, signals });
  const leads = new LeadService({ db, audit, idempotency, listener: queue });
  const runs = new RunService({ db, audit, idempotency, workflows, leads, queue, signals, metrics });
  const executor = (name: string, over: Partial<ConstructorParameters<typeof RunExecutor>[0]> = {}) =>
    new RunExecutor({
      db,
      workflows,
      services: { leads, connectors, outbound },
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

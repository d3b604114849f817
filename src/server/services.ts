/**
 * Everything a worker needs, opened and wired in one place: each service gets what it depends on, and nothing is
 * reached through a global. What is opened here is closed here, in the reverse order.
 */
import { statfs } from 'node:fs/promises';
import { AuditBackups } from '@/features/audit/backup.ts';
import { AuditRetention } from '@/features/audit/retention.ts';
import { AuditSchedule } from '@/features/audit/schedule.ts';
import { AuditSealer } from '@/features/audit/seal.ts';
import { AuditLog } from '@/features/audit/service.ts';
import { Authenticator } from '@/features/auth/authenticator.ts';
import { AuthChanges } from '@/features/auth/changes.ts';
import { AuthFailures } from '@/features/auth/failures.ts';
import { ApiKeyService } from '@/features/auth/keys.ts';
import { Login } from '@/features/auth/login.ts';
import { Passwords } from '@/features/auth/passwords.ts';
import { LoginThrottle } from '@/features/auth/throttle.ts';
import { Tokens } from '@/features/auth/tokens.ts';
import { UserService } from '@/features/auth/users.ts';
import { ConnectorService } from '@/features/connectors/service.ts';
import { standardChecks, standingWarnings } from '@/features/health/checks.ts';
import { QueueWatch } from '@/features/health/queue_watch.ts';
import { HealthService } from '@/features/health/service.ts';
import { SharedHealth } from '@/features/health/shared.ts';
import { LeadService } from '@/features/leads/service.ts';
import { MetricsService } from '@/features/metrics/service.ts';
import { RunExecutor } from '@/features/runs/executor.ts';
import { MOST_WORKFLOW_NAMES, RunMetrics, registerQueueMetrics } from '@/features/runs/metrics.ts';
import { RunQueue } from '@/features/runs/queue.ts';
import { clearOldRuns } from '@/features/runs/retention.ts';
import { RunService } from '@/features/runs/service.ts';
import { RunSignals } from '@/features/runs/signals.ts';
import { STEP_TYPES } from '@/features/runs/steps/registry.ts';
import { WorkflowService } from '@/features/workflows/service.ts';
import { VERSION } from '@/platform/build/version.ts';
import { liveConfig } from '@/platform/config/live.ts';
import { type DataPaths, dataPaths } from '@/platform/config/paths.ts';
import type { Config, LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { openDatabase } from '@/platform/db/open.ts';
import { Idempotency } from '@/platform/idempotency/idempotency.ts';
import type { FleetState, WorkerInit } from '@/platform/ipc/messages.ts';
import { TokenBuckets } from '@/platform/limits/buckets.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import { OutboundClient } from '@/platform/outbound/client.ts';
import { openRedisLink, type RedisLink } from '@/platform/redis/link.ts';
import { Maintenance } from './maintenance.ts';

export interface Services {
  readonly version: string;
  readonly config: LiveConfig;
  readonly paths: DataPaths;
  readonly log: Logger;
  readonly db: Database;
  readonly redis: RedisLink;
  readonly buckets: TokenBuckets;
  readonly metrics: Metrics;
  readonly fleet: () => FleetState;
  readonly audit: AuditLog;
  readonly backups: AuditBackups;
  readonly sealer: AuditSealer;
  readonly authenticator: Authenticator;
  readonly login: Login;
  readonly users: UserService;
  readonly keys: ApiKeyService;
  readonly leads: LeadService;
  readonly workflows: WorkflowService;
  readonly runs: RunService;
  readonly connectors: ConnectorService;
  readonly health: HealthService;
  readonly metricsService: MetricsService;
  /** SIGHUP: the new configuration holds from the next look at it. */
  reconfigure(config: Config): void;
  fleetChanged(fleet: FleetState): void;
  /** Begins what a worker does besides answering requests. */
  startBackground(): void;
  /** Ends it: steps under way get `graceMs`, then everything unfinished is handed back. */
  stopBackground(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens everything. Throws CommandFailure for what an operator has to mend. */
export async function openServices(init: WorkerInit, log: Logger): Promise<Services> {
  const config = liveConfig(init.config);
  const paths = dataPaths(init.dataDir);
  let fleetState = init.fleet;
  const fleet = () => fleetState;

  const metrics = openMetrics({ folder: paths.metrics, file: init.metricsFile });
  const { url, pool_size: poolSize } = init.config.database;
  const db = await openDatabase({ url, poolSize, paths, log, turns: 'server' });
  const redis = await openRedisLink({ config: init.config.redis, target: init.fleet.redis, log });
  const buckets = new TokenBuckets({ redis, log });
  const outbound = new OutboundClient({ config });

  const audit = new AuditLog({ db, metrics });
  const sealer = new AuditSealer({ db, paths, log, metrics });
  const backups = new AuditBackups({ db, paths, log, audit, sealer, metrics });
  const retention = new AuditRetention({ db, log, audit, sealer, backups, config });
  const schedule = new AuditSchedule({ db, config, log, backups, retention });

  const changes = new AuthChanges(redis);
  const failures = new AuthFailures(metrics);
  const passwords = new Passwords();
  const tokens = new Tokens({ secrets: init.secrets.jwtSecrets, config });
  const users = new UserService({ db, audit, config, passwords, changes });
  const keys = new ApiKeyService({ db, audit, changes });
  const authenticator = new Authenticator({ db, tokens, changes, failures, log });
  const throttle = new LoginThrottle({ buckets, redis, config });
  const login = new Login({ db, audit, passwords, tokens, throttle, users, changes, failures });

  const idempotency = new Idempotency({ db, config });
  const connectors = new ConnectorService({
    db,
    audit,
    outbound,
    redis,
    encryptionKey: init.secrets.encryptionKey,
  });
  const runMetrics = new RunMetrics(metrics);
  const stored = (name: string) => runMetrics.workflow(name);
  const workflows = new WorkflowService({ db, audit, idempotency, stepTypes: STEP_TYPES, stored });
  for (const name of await workflows.names(MOST_WORKFLOW_NAMES)) runMetrics.workflow(name);
  const signals = new RunSignals({ redis });
  const queue = new RunQueue({ workflows, signals });
  const leads = new LeadService({ db, audit, idempotency, listener: queue });
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
  registerQueueMetrics(metrics, runs);
  const executor = new RunExecutor({
    db,
    workflows,
    services: { leads, connectors, outbound },
    signals,
    metrics: runMetrics,
    config,
    log,
    name: `${init.serverId}:${init.slot}`,
  });

  const queueDepth = () => runs.queueDepth();
  const runsHere = init.config.server.role !== 'api';
  /** What only this process knows of its executor comes before what the queue shows of all. */
  const runnerHealth = async () => {
    const own = executor.health();
    return runsHere && own.state === 'degraded' ? own : runs.health();
  };
  const metricsService = new MetricsService({ metrics, config, fleet, redis, queueDepth, version: VERSION });
  const health = new HealthService({
    version: VERSION,
    checks: standardChecks({
      config,
      db,
      redis,
      fleet,
      sealer,
      connectors,
      runs: { queueDepth, health: () => runnerHealth() },
      freeBytes: async () => {
        const { bavail, bsize } = await statfs(paths.root);
        return bavail * bsize;
      },
      executorBeat: () => metricsService.executorBeat(),
    }),
    figures: {
      queue_depth: queueDepth,
      leads_cached: () => leads.count(),
      workflows_cached: () => workflows.count(),
      redis_mode: async () => redis.target.mode,
      workers_ready: async () => fleetState.workersReady,
      workers_wanted: async () => fleetState.workersWanted,
    },
    shared: new SharedHealth({ redis, serverId: init.serverId }),
    warnings: () => standingWarnings({ config, redis }),
  });
  const queueWatch = new QueueWatch({ db, config, log, queueDepth });
  const maintenance = new Maintenance({
    db,
    log,
    tasks: {
      'idempotency keys': (signal) => idempotency.prune(signal),
      'revoked tokens': (signal) => login.prune(signal),
      'finished runs': (signal) => clearOldRuns({ db, config }, signal),
    },
  });

  return {
    version: VERSION,
    config,
    paths,
    log,
    db,
    redis,
    buckets,
    metrics,
    fleet,
    audit,
    backups,
    sealer,
    authenticator,
    login,
    users,
    keys,
    leads,
    workflows,
    runs,
    connectors,
    health,
    metricsService,
    reconfigure: (next) => config.replace(next),
    fleetChanged: (next) => {
      fleetState = next;
      const moved = next.redis.mode !== redis.target.mode || next.redis.fallback !== redis.target.fallback;
      if (moved) void redis.retarget(next.redis);
    },
    startBackground: () => {
      metricsService.meter.start();
      queueWatch.start();
      sealer.start();
      schedule.start();
      maintenance.start();
      if (runsHere) executor.start();
    },
    stopBackground: async (graceMs) => {
      queueWatch.stop();
      await Promise.all([executor.stop(graceMs), schedule.stop(), maintenance.stop()]);
      await sealer.stop();
      metricsService.meter.stop();
    },
    close: async () => {
      signals.close();
      changes.close();
      connectors.close();
      await authenticator.settle();
      await redis.close();
      await db.close();
      metrics.close();
    },
  };
}

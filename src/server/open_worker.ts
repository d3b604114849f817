/**
 * Everything a worker has: the platform first, then the features over it, in the order of their list. What is opened
 * here is closed here, in the reverse order.
 */
import { VERSION } from '@/platform/build/version.ts';
import { liveConfig } from '@/platform/config/live.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { openDatabase } from '@/platform/db/open.ts';
import type { FleetState, WorkerInit } from '@/platform/ipc/messages.ts';
import { cleanupJob } from '@/platform/jobs/cleanup.ts';
import { TokenBuckets } from '@/platform/limits/buckets.ts';
import type { Logger } from '@/platform/log/log.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import type { Core } from '@/platform/module/core.ts';
import type { OpenedModule, Services } from '@/platform/module/module.ts';
import { openModules } from '@/platform/module/open.ts';
import { openRedisLink } from '@/platform/redis/link.ts';
import { CONFIG, PERMISSIONS } from './composition.ts';
import { MODULES } from './modules.ts';

export interface OpenWorker {
  readonly core: Core;
  readonly services: Services;
  /** The features, in the order of their list. */
  readonly opened: readonly OpenedModule[];
  /** SIGHUP: the new configuration holds from the next look at it. */
  reconfigure(config: Config): void;
  fleetChanged(fleet: FleetState): void;
  /** Begins what a worker does besides answering requests. */
  startJobs(): void;
  /** Ends it: steps under way get `graceMs`, then everything unfinished is handed back. */
  stopJobs(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens everything. Throws CommandFailure for what an operator has to mend. */
export async function openWorker(init: WorkerInit, log: Logger): Promise<OpenWorker> {
  const config = liveConfig(init.config);
  const paths = dataPaths(init.dataDir);
  let fleet = init.fleet;

  const metrics = openMetrics({ folder: paths.metrics, file: init.metricsFile });
  const { url, pool_size: poolSize } = init.config.database;
  const db = await openDatabase({ url, poolSize, paths, log, turns: 'server' });
  const redis = await openRedisLink({ config: init.config.redis, target: init.fleet.redis, log });
  const core: Core = {
    version: VERSION,
    serverId: init.serverId,
    processName: `${init.serverId}:${init.slot}`,
    config,
    configSchema: CONFIG,
    permissions: PERMISSIONS,
    paths,
    secrets: init.secrets,
    log,
    db,
    redis,
    buckets: new TokenBuckets({ redis, log }),
    metrics,
    fleet: () => fleet,
  };
  const { services, contributions, opened, close } = openModules(MODULES, core);
  for (const { ready } of opened) await ready?.();
  const cleanup = cleanupJob({ db, log, metrics, tasks: contributions.all('cleanup') });
  const jobs = [...opened.flatMap((each) => each.jobs ?? []), cleanup];
  const lastJobs = opened.flatMap((each) => each.lastJobs ?? []);

  return {
    core,
    services,
    opened,
    reconfigure: (next) => config.replace(next),
    fleetChanged: (next) => {
      fleet = next;
      const moved = next.redis.mode !== redis.target.mode || next.redis.fallback !== redis.target.fallback;
      if (moved) void redis.retarget(next.redis);
    },
    startJobs: () => {
      for (const job of [...lastJobs, ...jobs]) job.start();
    },
    stopJobs: async (graceMs) => {
      await Promise.all(jobs.map((job) => job.stop(graceMs)));
      await Promise.all(lastJobs.map((job) => job.stop(graceMs)));
    },
    close: async () => {
      await close();
      await redis.close();
      await db.close();
      metrics.close();
    },
  };
}

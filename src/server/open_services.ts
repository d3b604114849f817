/**
 * Some services without a server around them, for the supervisor and the command line: built from the same modules as in
 * a worker, without Redis, routes and jobs.
 */
import { VERSION } from '@/platform/build/version.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { TokenBuckets } from '@/platform/limits/buckets.ts';
import type { Logger } from '@/platform/log/log.ts';
import { discardedMetrics } from '@/platform/metrics/discarded.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import type { Core } from '@/platform/module/core.ts';
import type { Services } from '@/platform/module/module.ts';
import { modulesFor, openModules } from '@/platform/module/open.ts';
import { absentRedis } from '@/platform/redis/absent.ts';
import { now } from '@/platform/time/clock.ts';
import { CONFIG, PERMISSIONS } from './composition.ts';
import { MODULES } from './modules.ts';

interface Options {
  readonly config: LiveConfig;
  readonly paths: DataPaths;
  readonly db: Database;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** Names the process in leases. */
  readonly name: string;
}

export interface OpenServices<Wanted extends keyof Services> {
  readonly services: Pick<Services, Wanted>;
  close(): Promise<void>;
}

/** The services `wanted`, and whatever they need. */
export const openServices = <Wanted extends keyof Services>(
  options: Options,
  wanted: readonly Wanted[],
): OpenServices<Wanted> => openModules(modulesFor(MODULES, wanted), coreOf(options));

/** What modules stand on where there is no server around them. */
export function coreOf({ config, paths, db, log, metrics = discardedMetrics, name }: Options): Core {
  const startedAt = now();
  return {
    version: VERSION,
    serverId: name,
    processName: name,
    config,
    configSchema: CONFIG,
    permissions: PERMISSIONS,
    paths,
    secrets: { jwtSecrets: [], encryptionKey: '' },
    log,
    db,
    redis: absentRedis,
    buckets: new TokenBuckets({ redis: absentRedis, log }),
    metrics,
    fleet: () => ({ startedAt, workersWanted: 0, workersReady: 0, redis: absentRedis.target }),
  };
}

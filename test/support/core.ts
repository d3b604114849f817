/** The platform under modules, for tests: one database, no Redis, metrics that nobody reads. */

import { dataPaths } from '@/platform/config/paths.ts';
import type { Database } from '@/platform/db/database.ts';
import { TokenBuckets } from '@/platform/limits/buckets.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { discardedMetrics } from '@/platform/metrics/discarded.ts';
import type { Core } from '@/platform/module/core.ts';
import { absentRedis } from '@/platform/redis/absent.ts';
import { CONFIG, PERMISSIONS } from '@/server/composition.ts';
import { testConfig } from './config.ts';

export const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

export const testCore = (db: Database, over: Partial<Core> = {}): Core => ({
  version: '1.2.3',
  serverId: 'server-1',
  processName: 'server-1:0',
  config: { current: testConfig() },
  configSchema: CONFIG,
  permissions: PERMISSIONS,
  paths: dataPaths('/nowhere'),
  secrets: { jwtSecrets: ['s'.repeat(32)], encryptionKey: ENCRYPTION_KEY },
  log: silentLogger,
  db,
  redis: absentRedis,
  buckets: new TokenBuckets({ redis: absentRedis, log: silentLogger }),
  metrics: discardedMetrics,
  fleet: () => ({ startedAt: 0, workersWanted: 4, workersReady: 4, redis: absentRedis.target }),
  ...over,
});

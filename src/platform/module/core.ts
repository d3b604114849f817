/** What every feature stands on: opened once in a process, before any feature. */
import type { DataPaths } from '@/platform/config/paths.ts';
import type { ConfigSchema, LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import type { Permissions } from '@/platform/identity/permissions.ts';
import type { FleetState, Secrets } from '@/platform/ipc/messages.ts';
import type { TokenBuckets } from '@/platform/limits/buckets.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import type { RedisLink } from '@/platform/redis/link.ts';

export interface Core {
  readonly version: string;
  /** Unique per server start. */
  readonly serverId: string;
  /** Names this process in leases: server id and slot of the worker. */
  readonly processName: string;
  readonly config: LiveConfig;
  readonly configSchema: ConfigSchema;
  readonly permissions: Permissions;
  readonly paths: DataPaths;
  readonly secrets: Secrets;
  readonly log: Logger;
  readonly db: Database;
  readonly redis: RedisLink;
  readonly buckets: Pick<TokenBuckets, 'take'>;
  readonly metrics: Metrics;
  readonly fleet: () => FleetState;
}

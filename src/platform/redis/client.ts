/**
 * ioredis clients as the configuration and the target say: one server, a sentinel's master, a cluster, or the
 * embedded Redis. They queue nothing and repeat nothing: what cannot be sent fails at once, because a take that
 * is sent twice counts twice.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, type CommonRedisOptions, Redis } from 'ioredis';
import type { Config } from '@/platform/config/schema.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { RedisTarget } from '@/platform/ipc/messages.ts';
import { backoffMs } from '@/platform/time/backoff.ts';

export type RedisConfig = Config['redis'];
export type RedisClient = Redis | Cluster;

/** With jitter, so that a fleet does not come back in one instant. */
const retryDelayMs = (attempt: number): number =>
  backoffMs(attempt, { baseMs: 50, maxMs: 1_000, jitter: 0.5 });

const address = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

/** Where Redis is, for people: never holds a password. */
export function endpointOf(config: RedisConfig, target: RedisTarget): string {
  if (target.mode === 'embedded') return target.socketPath;
  if (config.cluster_nodes.length > 0) return `cluster ${config.cluster_nodes.map(address).join(', ')}`;
  if (config.sentinels.length > 0) {
    return `${config.sentinel_name} of sentinels ${config.sentinels.map(address).join(', ')}`;
  }
  return address(config);
}

/** Whether one command may touch several keys. */
export const spansKeys = (config: RedisConfig, target: RedisTarget): boolean =>
  target.mode === 'embedded' || config.cluster_nodes.length === 0;

function tlsOptions(config: RedisConfig): { tls?: ConnectionOptions } {
  if (!config.tls) return {};
  return {
    tls: {
      rejectUnauthorized: config.tls_verify,
      ...(config.tls_ca_file === null ? {} : { ca: readFileSync(config.tls_ca_file, 'utf8') }),
    },
  };
}

/** What is wrong with the file of the authority that signed the server's certificate; null when nothing is. */
export function authorityFault(config: RedisConfig): string | null {
  if (!config.tls || config.tls_ca_file === null) return null;
  try {
    const isPem = readFileSync(config.tls_ca_file, 'utf8').includes('-----BEGIN');
    return isPem ? null : `redis.tls_ca_file ${config.tls_ca_file} holds no certificate in PEM form`;
  } catch (error) {
    return `redis.tls_ca_file cannot be read: ${messageOf(error)}`;
  }
}

/** A client that begins to connect at once. Throws when the authority's file cannot be read. */
export function createClient(
  config: RedisConfig,
  target: RedisTarget,
  options: { readonly retry?: boolean } = {},
): RedisClient {
  const retryStrategy = (options.retry ?? true) ? retryDelayMs : null;
  const common: CommonRedisOptions = {
    keyPrefix: config.key_prefix,
    connectTimeout: config.connect_timeout_ms,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    connectionName: 'automation-orchestrator',
    keepAlive: 10_000,
    retryStrategy,
    // A server that has become a replica: connect anew, sentinels and clusters name the new master.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  if (target.mode === 'embedded') return new Redis({ ...common, path: target.socketPath });

  const secured: CommonRedisOptions & { tls?: ConnectionOptions } = {
    ...common,
    ...tlsOptions(config),
    ...(config.username === null ? {} : { username: config.username }),
    ...(config.password === null ? {} : { password: config.password }),
  };
  if (config.cluster_nodes.length > 0) {
    const { enableOfflineQueue, retryStrategy: _, keyPrefix = '', ...redisOptions } = secured;
    return new Cluster([...config.cluster_nodes], {
      keyPrefix,
      redisOptions,
      enableOfflineQueue: enableOfflineQueue ?? false,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: config.connect_timeout_ms,
      // Certificates are made out to names: keep the names that the configuration gives.
      ...(config.tls ? { dnsLookup: (host, done) => done(null, host) } : {}),
    });
  }
  if (config.sentinels.length > 0) {
    return new Redis({
      ...secured,
      db: config.db,
      sentinels: [...config.sentinels],
      name: config.sentinel_name,
      role: 'master',
      sentinelRetryStrategy: retryStrategy ?? (() => null),
      enableTLSForSentinelMode: config.tls,
      sentinelCommandTimeout: config.connect_timeout_ms,
      ...(secured.tls ? { sentinelTLS: secured.tls } : {}),
    });
  }
  return new Redis({ ...secured, host: config.host, port: config.port, db: config.db });
}

/** Routes behind the real plugins, with fakes for what stands behind those: for tests of what HTTP clients see. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyElysia } from 'elysia';
import type { Config } from '@/platform/config/schema.ts';
import { Unauthorized } from '@/platform/errors/problem.ts';
import { OpenStreams } from '@/platform/http/open_streams.ts';
import { largestCap } from '@/platform/http/routes.ts';
import type { Principal } from '@/platform/identity/principal.ts';
import { ROLES, type Role } from '@/platform/identity/roles.ts';
import { createLogger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import { PERMISSIONS } from '@/server/composition.ts';
import { type HardeningOptions, harden } from '@/server/hardening.ts';
import { Listener } from '@/server/listener.ts';
import { type Overrides, testConfig } from './config.ts';

const user = (role: Role): Principal => ({
  id: `id-of-${role}`,
  username: role,
  email: null,
  role,
  via: 'jwt',
  credentialId: null,
  expiresAt: null,
});

export interface Hardened {
  readonly config: { current: Config };
  readonly metrics: Metrics;
  /** What was logged, access lines included, as parsed JSON. */
  readonly lines: Record<string, unknown>[];
  readonly audited: Parameters<HardeningOptions['audit']['recordAlone']>[0][];
  /** Keys of the buckets that were drawn from. */
  readonly taken: string[];
  /** Who a token or key proves; the names of the roles to begin with. */
  readonly principals: Map<string, Principal>;
  readonly listener: Listener;
  readonly url: string;
  /** `token` is the name of a role. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  stop(): Promise<void>;
}

interface CallOptions {
  readonly token?: string;
  readonly apiKey?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; with the content type application/json unless `headers` say otherwise. */
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** Serves `routes` hardened on a free port of loopback. A bucket never refills here. */
export function serveHardened(routes: (metrics: Metrics) => AnyElysia, overrides: Overrides = {}): Hardened {
  const folder = mkdtempSync(join(tmpdir(), 'ao-http-'));
  const metrics = openMetrics({ folder, file: 0 });
  const config = { current: testConfig(overrides) };
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line));
  const audited: Hardened['audited'] = [];
  const taken: string[] = [];
  const principals = new Map(ROLES.map((role): [string, Principal] => [role, user(role)]));
  const log = createLogger({ level: 'debug', write });
  const streams = new OpenStreams({ config, metrics });
  const app = harden(
    {
      streams,
      config,
      permissions: PERMISSIONS,
      metrics,
      log,
      accessLines: { write, flush: () => undefined },
      version: '1.2.3',
      anonymousOperator: { ...user('operator'), id: null, via: 'disabled' },
      audit: { recordAlone: async (event) => void audited.push(event) },
      authenticator: {
        authenticate: async ({ authorization, apiKey }) => {
          const named = authorization?.replace('Bearer ', '') ?? apiKey;
          if (named === null) return null;
          const principal = principals.get(named ?? '');
          if (!principal) throw new Unauthorized('The credentials are not valid.', 'invalid_token');
          return principal;
        },
      },
      buckets: {
        take: async ({ key, capacity }) => {
          taken.push(key);
          const used = taken.filter((each) => each === key).length;
          const allowed = used <= capacity;
          return { allowed, remaining: Math.max(0, capacity - used), retryAfterMs: allowed ? 0 : 1500 };
        },
      },
    },
    routes(metrics),
  );
  const listener = Listener.open(app, {
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: Math.max(config.current.server.max_body_bytes, largestCap(app)),
    streams,
    log,
  });
  const url = `http://127.0.0.1:${app.server?.port}`;
  return {
    config,
    metrics,
    lines,
    audited,
    taken,
    principals,
    listener,
    url,
    call: (method, path, { token, apiKey, headers = {}, json, body } = {}) =>
      fetch(`${url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(apiKey ? { 'x-api-key': apiKey } : {}),
          ...(json !== undefined || body !== undefined ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(body === undefined ? {} : { body }),
      }),
    stop: async () => {
      await app.server?.stop(true);
      metrics.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

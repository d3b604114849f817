/** The parts of auth, wired as a server wires them, over a database and fakes that only count. */

import { testConfig } from '@test/support/config.ts';
import { AuditLog } from '@/features/audit/service.ts';
import { Authenticator } from '@/features/auth/authenticator.ts';
import { AuthChanges, type Wire } from '@/features/auth/changes.ts';
import { AuthFailures } from '@/features/auth/failures.ts';
import { ApiKeyService } from '@/features/auth/keys.ts';
import { Login } from '@/features/auth/login.ts';
import { Passwords } from '@/features/auth/passwords.ts';
import type { User } from '@/features/auth/schema.ts';
import { LoginThrottle } from '@/features/auth/throttle.ts';
import { Tokens } from '@/features/auth/tokens.ts';
import { UserService } from '@/features/auth/users.ts';
import type { Config, LiveConfig } from '@/platform/config/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { Role } from '@/platform/identity/roles.ts';
import type { Taken, TokenBuckets } from '@/platform/limits/buckets.ts';
import { silentLogger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import type { RedisLink } from '@/platform/redis/link.ts';
import type { RedisCommands } from '@/platform/redis/script.ts';

type Take = Parameters<TokenBuckets['take']>[0];

export const ACTOR: Actor = {
  type: 'user',
  id: '01890000-0000-7000-8000-00000000000a',
  name: 'tester',
  requestId: 'request-1',
  address: '192.0.2.1',
};
export const STRANGER: Actor = {
  type: 'anonymous',
  id: null,
  name: null,
  requestId: 'r',
  address: '192.0.2.9',
};
export const ADDRESS = '192.0.2.9';
export const PASSWORD = 'correct horse battery staple';

export const configWith = (auth: Partial<Config['auth']> = {}): LiveConfig => {
  const config = testConfig();
  return { current: { ...config, auth: { ...config.auth, ...auth } } };
};

/** Buckets that never refill. */
export function countingBuckets(retryAfterMs = 1000) {
  const used = new Map<string, number>();
  const asked: Take[] = [];
  return {
    asked,
    take: async (request: Take): Promise<Taken> => {
      asked.push(request);
      const before = used.get(request.key) ?? 0;
      const allowed = before < request.capacity;
      if (allowed) used.set(request.key, before + 1);
      const remaining = request.capacity - before - (allowed ? 1 : 0);
      return { allowed, remaining, retryAfterMs: allowed ? 0 : retryAfterMs, resetMs: 0, source: 'local' };
    },
  };
}

/** The little of Redis that the log-in throttle asks: single values. */
export function rememberingRedis(): Pick<RedisLink, 'run'> {
  const values = new Map<string, string>();
  const client = {
    get: async (key: string) => values.get(key) ?? null,
    set: async (key: string, value: string) => void values.set(key, value),
  } as unknown as RedisCommands;
  return { run: (work) => work(client) };
}

/** Metrics that only remember counts, as `name{label}`. */
export function countingMetrics(): { metrics: Metrics; counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const nothing = (): void => undefined;
  const metrics: Metrics = {
    counter: (name) => ({
      inc: (labels = {}, by = 1) => {
        const series = `${name}{${Object.values(labels).join()}}`;
        counts.set(series, (counts.get(series) ?? 0) + by);
      },
    }),
    gauge: () => ({ set: nothing, add: nothing }),
    histogram: () => ({ observe: nothing }),
    computed: nothing,
    collect: async () => [],
    close: nothing,
  };
  return { metrics, counts };
}

/** Several servers' worth of workers on one wire. */
export function sharedWire(): Wire {
  const listeners = new Set<(message: string) => void>();
  return {
    publish: (_, message) => {
      for (const listener of listeners) listener(message);
    },
    subscribe: (_, listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** One database for all tests of a suite, without users, keys and events at the beginning of each. */
export function emptied(open: () => Promise<Database>): () => Promise<Database> {
  let db: Database | undefined;
  return async () => {
    const opened = db ?? (await open());
    db = opened;
    await opened.write(async (trx) => {
      for (const table of ['api_keys', 'revoked_tokens', 'audit_events', 'users'] as const) {
        await trx.deleteFrom(table).execute();
      }
    });
    return opened;
  };
}

interface AuthOptions {
  readonly auth?: Partial<Config['auth']>;
  readonly wire?: Wire | null;
}

/** One worker's auth. */
export function openAuth(db: Database, { auth, wire = null }: AuthOptions = {}) {
  const { metrics, counts } = countingMetrics();
  const config = configWith(auth);
  const audit = new AuditLog({ db, metrics });
  const passwords = new Passwords({ memoryKiB: 1024, passes: 1 });
  const changes = new AuthChanges(wire);
  const failures = new AuthFailures(metrics);
  const tokens = new Tokens({ secrets: ['a secret of at least thirty-two bytes'], config });
  const throttle = new LoginThrottle({ buckets: countingBuckets(), redis: rememberingRedis(), config });
  const users = new UserService({ db, audit, config, passwords, changes });
  const keys = new ApiKeyService({ db, audit, changes });
  const authenticator = new Authenticator({ db, tokens, changes, failures, log: silentLogger });
  const login = new Login({ db, audit, passwords, tokens, throttle, users, changes, failures });

  const addUser = (username: string, role: Role): Promise<User> =>
    users.create(ACTOR, { username, password: PASSWORD, role });
  const tokenOf = async (username: string): Promise<string> =>
    (await login.logIn(STRANGER, ADDRESS, { username, password: PASSWORD })).access_token;
  const withToken = (token: string) =>
    authenticator.authenticate({ authorization: `Bearer ${token}`, apiKey: null });
  const withKey = (apiKey: string) => authenticator.authenticate({ authorization: null, apiKey });
  const events = async (action: string) => {
    const query = db.read.selectFrom('audit_events').selectAll().where('action', '=', action).orderBy('id');
    return (await query.execute()).map((row) => ({ ...row, details: JSON.parse(row.details) }));
  };
  return {
    db,
    config,
    users,
    keys,
    login,
    authenticator,
    tokens,
    changes,
    counts,
    addUser,
    tokenOf,
    withToken,
    withKey,
    events,
  };
}

/** The sections that belong to the platform: what every feature stands on. */
import { type Static, Type } from '@sinclair/typebox';
import { parseRange } from '@/platform/net/ranges.ts';
import type { Config, ConfigProblem, ConfigSection } from './schema.ts';
import { flag, integer, live, nullable, section } from './section.ts';

export const Quota = Type.Object(
  {
    max_requests: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
    window_seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  },
  {
    additionalProperties: false,
    description: 'Capacity of the bucket, and the seconds in which it refills fully.',
  },
);
export type Quota = Static<typeof Quota>;

/** No URL: a password in one would be shown and logged with the host. */
const host = { pattern: '^[^\\s/@]+$', description: 'A host name or address, without scheme and user.' };
const HostPort = Type.Object(
  { host: Type.String(host), port: Type.Integer({ minimum: 1, maximum: 65535 }) },
  { additionalProperties: false },
);

const Server = section(
  {
    host: Type.String({
      default: '127.0.0.1',
      minLength: 1,
      description: 'Address to listen on; 0.0.0.0 is every IPv4 address of the machine.',
    }),
    port: integer(8000, 0, 65535, 'Port to listen on; all workers share it.'),
    workers: integer(4, 1, 256, 'Worker processes.'),
    worker_timeout_seconds: integer(
      30,
      2,
      3600,
      'A worker that hangs this long, without a sign of life, is killed and replaced.',
    ),
    role: Type.Union([Type.Literal('all'), Type.Literal('api'), Type.Literal('runner')], {
      default: 'all',
      description: 'What the workers do: serve the API, carry out runs, or both.',
    }),
    shutdown_grace_seconds: integer(5, 1, 600, 'Longest wait for requests and steps in flight at shutdown.'),
    drain_seconds: Type.Number({
      default: 1,
      minimum: 0,
      maximum: 60,
      description: 'How long answers carry "Connection: close" before the port is closed.',
    }),
    max_body_bytes: integer(1_048_576, 1024, 104_857_600, 'Largest accepted request body.'),
    trusted_proxies: live(
      Type.Array(Type.String(), {
        default: [],
        description: 'Addresses or CIDR ranges whose X-Forwarded-For is believed.',
      }),
    ),
    idempotency_hours: integer(24, 1, 720, 'How long the answer to an Idempotency-Key is kept.'),
  },
  'The HTTP server and its worker processes.',
);

const RateLimit = section(
  {
    enabled: live(flag(true, 'Token-bucket limits per user and per address.')),
    window_seconds: live(integer(60, 1, 86_400, 'Seconds in which an empty bucket refills fully.')),
    max_requests: live(integer(120, 1, 1_000_000_000, 'Capacity of a bucket.')),
    roles: live(
      Type.Partial(Type.Object({ admin: Quota, operator: Quota, viewer: Quota }), {
        additionalProperties: false,
        default: {},
        description: 'Other limits for the users of a role.',
      }),
    ),
    routes: live(
      Type.Record(Type.String({ pattern: '^(GET|POST|PUT|PATCH|DELETE) /' }), Quota, {
        default: {},
        additionalProperties: false,
        description: 'A bucket of its own for a route, as "POST /api/leads" or "GET /api/leads/:id".',
      }),
    ),
  },
  'Request limits.',
);

const Redis = section(
  {
    host: Type.String({ ...host, default: 'localhost' }),
    port: integer(6379, 1, 65535, 'Port.'),
    use_fake_redis: flag(false, 'Always use the embedded Redis.'),
    allow_fallback: flag(true, 'Use the embedded Redis while the real one cannot be reached.'),
    required: flag(false, 'Refuse to start without the real Redis.'),
    username: nullable(Type.String(), 'ACL user.'),
    password: nullable(Type.String(), 'Password.'),
    db: integer(0, 0, 1023, 'Database number.'),
    key_prefix: Type.String({ default: 'ao:', description: 'Stands before every key and channel.' }),
    tls: flag(false, 'Connect with TLS.'),
    tls_ca_file: nullable(Type.String(), 'PEM file of the authority that signed the server certificate.'),
    tls_verify: flag(true, 'Verify the server certificate.'),
    sentinels: Type.Array(HostPort, {
      default: [],
      description: 'Sentinel addresses; used instead of host and port.',
    }),
    sentinel_name: Type.String({
      default: 'mymaster',
      description: 'Name of the master the sentinels watch.',
    }),
    cluster_nodes: Type.Array(HostPort, {
      default: [],
      description: 'Cluster start nodes; used instead of host and port.',
    }),
    connect_timeout_ms: integer(2000, 50, 60_000, 'Longest wait for a connection.'),
    command_timeout_ms: integer(500, 10, 60_000, 'Longest wait for an answer before local limits take over.'),
  },
  'Redis: coordination only, never the truth.',
);

const Database = section(
  {
    url: Type.String({
      default: 'sqlite:orchestrator.sqlite3',
      pattern: '^(sqlite:|postgres://|postgresql://)',
      description: 'sqlite:FILE under the data folder, or postgres://user:password@host:port/name.',
    }),
    pool_size: integer(10, 1, 500, 'PostgreSQL connections per worker.'),
  },
  'The database: the truth.',
);

const Log = section(
  {
    level: live(
      Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], {
        default: 'info',
        description: 'Least severe level that is written.',
      }),
    ),
    requests: live(flag(true, 'Write one line for every request.')),
    format: Type.Union([Type.Literal('auto'), Type.Literal('json'), Type.Literal('text')], {
      default: 'auto',
      description: 'JSON lines, text for people, or (auto) text on a terminal and JSON elsewhere.',
    }),
  },
  'Log lines on standard output.',
);

const Outbound = section(
  {
    allow_private: live(
      Type.Array(Type.String(), {
        default: [],
        description: 'Private addresses or CIDR ranges that workflows and connectors may call.',
      }),
    ),
    timeout_ms: live(
      integer(
        30_000,
        100,
        600_000,
        'Longest wait for one outgoing call, unless its step says otherwise (timeout_ms).',
      ),
    ),
    max_response_bytes: live(
      integer(1_048_576, 1024, 104_857_600, 'Largest accepted answer of an outgoing call.'),
    ),
  },
  'Calls to other servers.',
);

declare module './schema.ts' {
  interface Config {
    server: Static<typeof Server>;
    rate_limit: Static<typeof RateLimit>;
    redis: Static<typeof Redis>;
    database: Static<typeof Database>;
    log: Static<typeof Log>;
    outbound: Static<typeof Outbound>;
  }
}

function addressProblems(pointer: string, list: readonly string[]): ConfigProblem[] {
  return list.flatMap((text, index) =>
    parseRange(text)
      ? []
      : [
          {
            pointer: `${pointer}/${index}`,
            message: `${JSON.stringify(text)} is neither an address nor a range such as 10.0.0.0/8`,
          },
        ],
  );
}

function redisProblems({ redis }: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (redis.use_fake_redis && redis.required) {
    problems.push({
      pointer: '/redis/required',
      message:
        'redis.required and redis.use_fake_redis exclude each other: the embedded Redis is not the one required',
    });
  }
  if (redis.sentinels.length > 0 && redis.cluster_nodes.length > 0) {
    problems.push({
      pointer: '/redis/cluster_nodes',
      message: 'redis.sentinels and redis.cluster_nodes exclude each other: give one of them',
    });
  }
  if (redis.cluster_nodes.length > 0 && redis.db !== 0) {
    problems.push({
      pointer: '/redis/db',
      message: 'redis.db must be 0 with a cluster: it has one database',
    });
  }
  return problems;
}

export const PLATFORM_SECTIONS: readonly ConfigSection[] = [
  {
    name: 'server',
    schema: Server,
    problems: ({ server }) => addressProblems('/server/trusted_proxies', server.trusted_proxies),
  },
  { name: 'rate_limit', schema: RateLimit },
  { name: 'redis', schema: Redis, problems: redisProblems },
  { name: 'database', schema: Database },
  { name: 'log', schema: Log },
  {
    name: 'outbound',
    schema: Outbound,
    problems: ({ outbound }) => addressProblems('/outbound/allow_private', outbound.allow_private),
  },
];

/** The sections that belong to the platform: what every feature stands on. */
import { type Static, Type } from '@sinclair/typebox';
import { parseRange } from '@/platform/net/ranges.ts';
import type { Finding } from './finding.ts';
import type { Config, ConfigProblem, ConfigSection } from './schema.ts';
import { flag, integer, live, nullable, secret, secretUrl, section } from './section.ts';

export const Quota = Type.Object(
  {
    max_requests: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
    window_seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
  },
  {
    additionalProperties: false,
    description: 'Capacity of the bucket, and the seconds in which it refills completely.',
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
      description: 'Address to listen on; 0.0.0.0 means every IPv4 address of the machine.',
    }),
    port: integer(8000, 0, 65535, 'Port to listen on, shared by all workers; 0 picks a free one.'),
    workers: integer(4, 1, 256, 'Number of worker processes.'),
    worker_timeout_seconds: integer(
      30,
      2,
      3600,
      'A worker that has been unresponsive for this long is killed and replaced.',
    ),
    role: Type.Union([Type.Literal('all'), Type.Literal('api'), Type.Literal('runner')], {
      default: 'all',
      description: 'What the workers do: serve the API (api), execute runs (runner), or both (all).',
    }),
    shutdown_grace_seconds: integer(5, 1, 600, 'How long a shutdown waits for requests and steps in flight.'),
    drain_seconds: Type.Number({
      default: 1,
      minimum: 0,
      maximum: 60,
      description: 'How long responses carry "Connection: close" before the port is closed.',
    }),
    max_body_bytes: integer(1_048_576, 1024, 104_857_600, 'Largest request body that is accepted.'),
    trusted_proxies: live(
      Type.Array(Type.String(), {
        default: [],
        description: 'Addresses or CIDR ranges of proxies whose X-Forwarded-For is trusted.',
        examples: [['10.0.0.0/8', '192.0.2.1']],
      }),
    ),
    max_event_streams: live(integer(1000, 1, 100_000, 'Most event streams that one worker keeps open.')),
    max_event_streams_per_user: live(
      integer(10, 1, 10_000, 'Most of them that one user, or one address without a user, may have.'),
    ),
    event_stream_heartbeat_seconds: live(
      integer(15, 1, 60, 'Silence on an event stream after which a comment keeps its connection alive.'),
    ),
    idempotency_hours: integer(24, 1, 720, 'How long the response to an Idempotency-Key is kept.'),
  },
  'The HTTP server and its worker processes.',
);

const RateLimit = section(
  {
    enabled: live(flag(true, 'Limit requests per user and per address (token buckets).')),
    window_seconds: live(integer(60, 1, 86_400, 'Time in which an empty bucket refills completely.')),
    max_requests: live(
      integer(120, 1, 1_000_000_000, 'Capacity of a bucket: requests that may come at once.'),
    ),
    roles: live(
      Type.Partial(Type.Object({ admin: Quota, operator: Quota, viewer: Quota }), {
        additionalProperties: false,
        default: {},
        description: 'Different limits for the users of a role: admin, operator, viewer.',
        examples: [{ viewer: { max_requests: 60, window_seconds: 60 } }],
      }),
    ),
    routes: live(
      Type.Record(Type.String({ pattern: '^(GET|POST|PUT|PATCH|DELETE) /' }), Quota, {
        default: {},
        additionalProperties: false,
        description: 'A bucket of its own for a route, as "POST /api/leads" or "GET /api/leads/:id".',
        examples: [{ 'POST /api/leads': { max_requests: 600, window_seconds: 60 } }],
      }),
    ),
  },
  'Request limits.',
);

const Redis = section(
  {
    host: Type.String({ ...host, default: 'localhost' }),
    port: integer(6379, 1, 65535, 'Port of the Redis server.'),
    use_fake_redis: flag(false, 'Always use the embedded Redis.'),
    allow_fallback: flag(true, 'Use the embedded Redis while the real one is unreachable.'),
    required: flag(false, 'Refuse to start unless the real Redis is reachable.'),
    username: nullable(Type.String(), 'ACL user name.'),
    password: secret(nullable(Type.String(), 'Password.')),
    db: integer(0, 0, 1023, 'Database number.'),
    key_prefix: Type.String({ default: 'ao:', description: 'Prefix of every key and channel.' }),
    tls: flag(false, 'Connect with TLS.'),
    tls_ca_file: nullable(Type.String(), 'PEM file of the CA that signed the server certificate.'),
    tls_verify: flag(true, 'Verify the server certificate.'),
    sentinels: Type.Array(HostPort, {
      default: [],
      description: 'Addresses of sentinels, used instead of host and port.',
      examples: [[{ host: 'sentinel-1', port: 26_379 }]],
    }),
    sentinel_name: Type.String({
      default: 'mymaster',
      description: 'Name of the master that the sentinels watch.',
    }),
    cluster_nodes: Type.Array(HostPort, {
      default: [],
      description: 'Initial nodes of a cluster, used instead of host and port.',
      examples: [[{ host: 'redis-1', port: 6379 }]],
    }),
    connect_timeout_ms: integer(2000, 50, 60_000, 'Timeout for connecting.'),
    command_timeout_ms: integer(
      500,
      10,
      60_000,
      'Timeout for a command; after it, rate limits are counted per worker.',
    ),
  },
  'Redis coordinates the workers. It holds only what may be lost.',
);

const Database = section(
  {
    url: secretUrl(
      Type.String({
        default: 'sqlite:orchestrator.sqlite3',
        pattern: '^(sqlite:|postgres://|postgresql://)',
        description: 'sqlite:FILE under the data folder, or postgres://user:password@host:port/name.',
      }),
    ),
    pool_size: integer(10, 1, 500, 'PostgreSQL connections per worker.'),
  },
  'The database holds everything that must not be lost.',
);

const Log = section(
  {
    level: live(
      Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], {
        default: 'info',
        description: 'Lowest severity that is logged.',
      }),
    ),
    requests: live(flag(true, 'Log one line per request.')),
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
        description:
          'Private addresses or CIDR ranges that workflows and connectors may call; all others are blocked.',
        examples: [['10.1.2.3', '192.168.0.0/16']],
      }),
    ),
    timeout_ms: live(
      integer(30_000, 100, 600_000, 'Timeout for an outgoing call whose step sets no timeout_ms of its own.'),
    ),
    max_response_bytes: live(
      integer(1_048_576, 1024, 104_857_600, 'Largest response that an outgoing call accepts.'),
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

const PLAIN_PORT = 6379;

function redisRemarks({ redis }: Config): Finding[] {
  if (redis.use_fake_redis) return [];
  if (!redis.tls && redis.tls_ca_file !== null) {
    const message = 'redis.tls_ca_file has no effect: redis.tls is false';
    return [{ level: 'warning', pointer: '/redis/tls_ca_file', message }];
  }
  const single = redis.sentinels.length + redis.cluster_nodes.length === 0;
  if (!redis.tls || !single || redis.port !== PLAIN_PORT) return [];
  const message = `redis.tls is true and redis.port is ${PLAIN_PORT}, which is usually the port without TLS: make sure that Redis speaks TLS there`;
  return [{ level: 'note', pointer: '/redis/tls', message }];
}

export const PLATFORM_SECTIONS: readonly ConfigSection[] = [
  {
    name: 'server',
    schema: Server,
    problems: ({ server }) => addressProblems('/server/trusted_proxies', server.trusted_proxies),
  },
  { name: 'rate_limit', schema: RateLimit },
  { name: 'redis', schema: Redis, problems: redisProblems, remarks: redisRemarks },
  { name: 'database', schema: Database },
  { name: 'log', schema: Log },
  {
    name: 'outbound',
    schema: Outbound,
    problems: ({ outbound }) => addressProblems('/outbound/allow_private', outbound.allow_private),
  },
];

/**
 * The configuration, section by section. This schema is the only source of its type, of `config schema`,
 * and of the defaults: `{}` is a complete file. Units stand in the names. Keys marked `live` are applied by
 * SIGHUP without a restart (`x-live` in the JSON Schema); all others need one.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox';

/** A section: no unknown keys, and its own defaults when it is left out. */
const section = <P extends Record<string, TSchema>>(properties: P, description: string) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description });
const integer = (fallback: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum, maximum, description });
const flag = (fallback: boolean, description: string) => Type.Boolean({ default: fallback, description });
const nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Union([schema, Type.Null()], { default: null, description });
/** A key that SIGHUP applies. */
const live = <T extends TSchema>(schema: T): T => ({ ...schema, 'x-live': true });
const port = (fallback: number, description: string) => integer(fallback, 0, 65535, description);

const Quota = Type.Object(
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

export const ConfigSchema = Type.Object(
  {
    server: section(
      {
        host: Type.String({ default: '0.0.0.0', minLength: 1, description: 'Address to listen on.' }),
        port: port(8000, 'Port to listen on; all workers share it.'),
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
        shutdown_grace_seconds: integer(
          30,
          1,
          600,
          'Longest wait for requests and steps in flight at shutdown.',
        ),
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
    ),
    auth: section(
      {
        enabled: flag(true, 'false makes everybody an anonymous operator: for trials only.'),
        token_ttl_seconds: live(integer(3600, 60, 2_592_000, 'Life of an access token.')),
        issuer: Type.String({ default: 'automation-orchestrator', minLength: 1, description: 'JWT "iss".' }),
        audience: Type.String({
          default: 'automation-orchestrator',
          minLength: 1,
          description: 'JWT "aud".',
        }),
        password_min_length: live(integer(12, 8, 128, 'Shortest accepted new password.')),
        login_attempts_per_user: live(integer(10, 1, 100_000, 'Log-in attempts per user name and window.')),
        login_attempts_per_address: live(
          integer(100, 1, 100_000, 'Log-in attempts per client address and window.'),
        ),
        login_window_seconds: live(integer(300, 1, 86_400, 'Window of the two limits above.')),
      },
      'Users, tokens and log-in.',
    ),
    rate_limit: section(
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
    ),
    redis: section(
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
        command_timeout_ms: integer(
          500,
          10,
          60_000,
          'Longest wait for an answer before local limits take over.',
        ),
      },
      'Redis: coordination only, never the truth.',
    ),
    database: section(
      {
        url: Type.String({
          default: 'sqlite:orchestrator.sqlite3',
          pattern: '^(sqlite:|postgres://|postgresql://)',
          description: 'sqlite:FILE under the data folder, or postgres://user:password@host:port/name.',
        }),
        pool_size: integer(10, 1, 500, 'PostgreSQL connections per worker.'),
      },
      'The database: the truth.',
    ),
    monitoring: section(
      {
        queue_depth_warn: live(
          integer(1000, 1, 1_000_000_000, 'Waiting runs from which health is degraded.'),
        ),
        public_metrics: live(flag(true, 'Serve /metrics without credentials.')),
      },
      'Health and metrics.',
    ),
    log: section(
      {
        level: live(
          Type.Union(
            [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')],
            {
              default: 'info',
              description: 'Least severe level that is written.',
            },
          ),
        ),
        requests: live(flag(true, 'Write one line for every request.')),
      },
      'Log lines on standard output.',
    ),
    audit: section(
      {
        backup_schedule: live(
          nullable(Type.String(), 'Cron expression (UTC) of scheduled backups, such as "0 3 * * *".'),
        ),
        backup_compress: live(flag(true, 'gzip scheduled backups.')),
        backup_keep: live(integer(30, 1, 10_000, 'Scheduled clean-up keeps this many newest backups.')),
        retention_days: live(
          nullable(
            Type.Integer({ minimum: 1, maximum: 36_500 }),
            'Sealed and backed-up events older than this are removed; null keeps all.',
          ),
        ),
      },
      'The audit log and its backups.',
    ),
    outbound: section(
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
    ),
    runs: section(
      {
        concurrency: integer(64, 1, 10_000, 'Runs in progress per worker.'),
        lease_seconds: integer(
          30,
          2,
          3600,
          'After this long without a heartbeat another worker takes a run over.',
        ),
        poll_interval_ms: integer(
          1000,
          20,
          60_000,
          'Longest sleep of an idle executor; it is woken earlier.',
        ),
        max_attempts: integer(5, 1, 100, 'Attempts of a step that does not say otherwise.'),
        retry_base_ms: integer(1000, 1, 3_600_000, 'Wait before the first retry; it doubles each time.'),
        retry_max_ms: integer(300_000, 1, 86_400_000, 'Longest wait between retries.'),
        retention_days: live(integer(30, 1, 36_500, 'Finished runs are kept this long.')),
      },
      'The run engine.',
    ),
  },
  { additionalProperties: false, title: 'Automation Orchestrator configuration' },
);

export type Config = Static<typeof ConfigSchema>;

/** The configuration as it is now: SIGHUP replaces `current`. Read it at the time of use, never keep a copy. */
export interface LiveConfig {
  readonly current: Config;
}

import { describe, expect, test } from 'bun:test';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';
import { changedKeys, loadConfig } from '@/platform/config/load.ts';
import { masked, maskedUrl } from '@/platform/config/masked.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { CONFIG } from '@/server/composition.ts';

type Sources = Partial<Parameters<typeof loadConfig>[1]>;

/** Loads with `content` as the file; `{file}` in expectations stands for its path. */
async function load(content: unknown, sources: Sources = {}) {
  await using folder = temporaryFolder();
  const file = join(folder.path, 'config.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  try {
    return loadConfig(CONFIG, { file, env: {}, ...sources });
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    expect(error.exitCode).toBe(2);
    throw new Error(error.message.replaceAll(file, '{file}'));
  }
}

const refusal = (content: unknown, sources?: Sources): Promise<string> =>
  load(content, sources).then(
    () => 'taken as good',
    (error: Error) => error.message,
  );

describe('defaults', () => {
  test('are a complete configuration', () => {
    const config = loadConfig(CONFIG, { env: {} });
    expect(config.server).toMatchObject({ port: 8000, workers: 4, role: 'all' });
    expect(config.redis).toMatchObject({ allow_fallback: true, required: false, key_prefix: 'ao:' });
  });

  test('are not shared between two configurations', () => {
    loadConfig(CONFIG, { env: {} }).server.trusted_proxies.push('10.0.0.1');
    expect(loadConfig(CONFIG, { env: {} }).server.trusted_proxies).toEqual([]);
  });

  test('fill up the four sections that alone are a file', async () => {
    const config = await load({
      auth: { enabled: true },
      rate_limit: { enabled: true, window_seconds: 60, max_requests: 120 },
      redis: { host: 'localhost', port: 6379, use_fake_redis: false, allow_fallback: true, required: false },
      monitoring: { queue_depth_warn: 1000 },
    });
    expect(config).toEqual(loadConfig(CONFIG, { env: {} }));
  });
});

describe('the files that are shipped', () => {
  const folder = resolve(import.meta.dir, '../../../config');

  test('are good, all of them', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    expect(files).toEqual(['production.json', 'sample_config.json']);
    for (const file of files)
      expect(() => loadConfig(CONFIG, { file: join(folder, file), env: {} })).not.toThrow();
  });

  test('sample_config.json spells out every default', async () => {
    const sample = await Bun.file(join(folder, 'sample_config.json')).json();
    expect(sample).toEqual(loadConfig(CONFIG, { env: {} }));
  });

  test('production.json requires Redis and allows no fallback', () => {
    const config = loadConfig(CONFIG, { file: join(folder, 'production.json'), env: {} });
    expect(config.redis).toMatchObject({ required: true, allow_fallback: false, use_fake_redis: false });
    expect(config.rate_limit.max_requests).toBe(200);
    expect(config.monitoring.queue_depth_warn).toBe(10_000);
  });
});

describe('order: defaults < file < environment < flags', () => {
  test('each stands above the one before', async () => {
    const file = { server: { host: '1.1.1.1', port: 1, workers: 1 } };
    const env = { AO_SERVER__PORT: '2', AO_SERVER__WORKERS: '2' };
    const { server } = await load(file, { env, flags: { workers: '3' } });
    expect(server).toMatchObject({ host: '1.1.1.1', port: 2, workers: 3, role: 'all' });
  });

  test('DATABASE_URL is the database, unless AO_DATABASE__URL says otherwise', async () => {
    const env = { DATABASE_URL: 'postgres://a/b' };
    expect((await load({}, { env })).database.url).toBe('postgres://a/b');
    const both = { ...env, AO_DATABASE__URL: 'sqlite:x' };
    expect((await load({}, { env: both })).database.url).toBe('sqlite:x');
  });

  test('an empty variable changes nothing', async () => {
    const env = { AO_SERVER__PORT: '', DATABASE_URL: '', AO_REDIS__KEY_PREFIX: '' };
    expect(await load({}, { env })).toEqual(loadConfig(CONFIG, { env: {} }));
  });

  test('variables hold JSON, plain words where the key wants text, or a list of texts with commas', async () => {
    const { redis, server, rate_limit, audit, outbound } = await load(
      {},
      {
        env: {
          AO_REDIS__PASSWORD: '12345',
          AO_REDIS__USERNAME: 'null',
          AO_REDIS__KEY_PREFIX: '""',
          AO_REDIS__TLS: 'true',
          AO_SERVER__TRUSTED_PROXIES: '["10.0.0.0/8", "::1"]',
          AO_SERVER__DRAIN_SECONDS: '0.5',
          AO_OUTBOUND__ALLOW_PRIVATE: '10.1.2.3, 192.168.0.0/16,',
          AO_RATE_LIMIT__ROLES: '{"admin": {"max_requests": 9, "window_seconds": 1}}',
          AO_AUDIT__BACKUP_SCHEDULE: '0 3 * * *',
        },
      },
    );
    expect(redis).toMatchObject({ password: '12345', username: null, key_prefix: '', tls: true });
    expect(server).toMatchObject({ trusted_proxies: ['10.0.0.0/8', '::1'], drain_seconds: 0.5 });
    expect(rate_limit.roles).toEqual({ admin: { max_requests: 9, window_seconds: 1 } });
    expect(audit.backup_schedule).toBe('0 3 * * *');
    expect(outbound.allow_private).toEqual(['10.1.2.3', '192.168.0.0/16']);
  });

  test('other variables of ours are no configuration', async () => {
    const env = { AO_ENV: 'production', AO_ADMIN_PASSWORD: 'x', AO_ENCRYPTION_KEY: 'y' };
    expect(await load({}, { env })).toEqual(loadConfig(CONFIG, { env: {} }));
  });
});

describe('refused, with the place and what would be right:', () => {
  const one = (problem: string): string => `the configuration is not valid: ${problem}`;

  test.each([
    [
      'an unknown key',
      { rate_limit: { max_request: 1 } },
      '{file}:1:16: rate_limit.max_request is not a known key; did you mean rate_limit.max_requests?',
    ],
    ['an unknown section', { redsi: {} }, '{file}:1:2: redsi is not a known key; did you mean redis?'],
    [
      'a key in the wrong section',
      { server: { max_requests: 1 } },
      '{file}:1:12: server.max_requests is not a known key; did you mean rate_limit.max_requests?',
    ],
    [
      'a key at the top',
      { queue_depth_warn: 1 },
      '{file}:1:2: queue_depth_warn is not a known key; did you mean monitoring.queue_depth_warn?',
    ],
    ['a key like nothing', { xyzzy: 1 }, '{file}:1:2: xyzzy is not a known key'],
    [
      'an unknown key deep inside',
      { rate_limit: { roles: { amdin: {} } } },
      '{file}:1:25: rate_limit.roles.amdin is not a known key; did you mean rate_limit.roles.admin?',
    ],
    [
      'a wrong type',
      { server: { port: '80' } },
      '{file}:1:12: server.port must be a whole number from 0 to 65535, not "80"',
    ],
    [
      'a number out of range',
      { server: { workers: 0 } },
      '{file}:1:12: server.workers must be a whole number from 1 to 256, not 0',
    ],
    [
      'a fraction',
      { server: { workers: 1.5 } },
      '{file}:1:12: server.workers must be a whole number from 1 to 256, not 1.5',
    ],
    [
      'another word',
      { server: { role: 'both' } },
      '{file}:1:12: server.role must be one of "all", "api", "runner", not "both"',
    ],
    ['a section that is none', { log: 5 }, '{file}:1:2: log must be a section in { }, not 5'],
    [
      'null where nothing may be',
      { server: { host: null } },
      '{file}:1:12: server.host must be a text that is not empty, not null',
    ],
    [
      'a missing part',
      { redis: { sentinels: [{ host: 'a' }] } },
      '{file}:1:24: redis.sentinels.0.port is missing',
    ],
    [
      'a secret of the wrong type, without showing it',
      { redis: { password: 1234 } },
      '{file}:1:11: redis.password must be a text in quotes or null, not the value that was given',
    ],
    [
      'an impossible route',
      { rate_limit: { routes: { 'FETCH /x': { max_requests: 1, window_seconds: 1 } } } },
      '{file}:1:26: rate_limit.routes.FETCH /x does not fit: A bucket of its own for a route, as "POST /api/leads" or "GET /api/leads/:id"',
    ],
    [
      'an address that is none',
      { server: { trusted_proxies: ['proxy'] } },
      '{file}:1:31: "proxy" is neither an address nor a range such as 10.0.0.0/8',
    ],
    [
      'sentinels and cluster at once',
      { redis: { sentinels: [{ host: 'a', port: 1 }], cluster_nodes: [{ host: 'a', port: 1 }] } },
      '{file}:1:47: redis.sentinels and redis.cluster_nodes exclude each other: give one of them',
    ],
    [
      'a name that JavaScript keeps for itself',
      '{"__proto__": {"a": 1}}',
      '{file}:1:2: a key of this name is not possible',
    ],
    [
      'a required Redis that is not to be used',
      { redis: { use_fake_redis: true, required: true } },
      '{file}:1:33: redis.required and redis.use_fake_redis exclude each other: the embedded Redis is not the one required',
    ],
    ['a list for a section', { log: [] }, '{file}:1:2: log must be a section in { }, not a list'],
    [
      'a section for a list',
      { server: { trusted_proxies: {} } },
      '{file}:1:12: server.trusted_proxies must be a list in [ ], not a section',
    ],
    [
      'a list for a section deep inside',
      { rate_limit: { roles: [] } },
      '{file}:1:16: rate_limit.roles must be a section in { }, not a list',
    ],
    ['a list instead of a file', [1], '{file}: a configuration is an object in { }, not a list'],
    ['bad JSON', '{"a" 1}', '{file}:1:6: expected ":" after "a", found "1"'],
  ] as [string, unknown, string][])('%s', async (_, content, problem) => {
    expect(await refusal(content)).toBe(one(problem));
  });

  test.each([
    [
      'a URL for a section',
      { redis: 'redis://:hunter2@db:6379' },
      '{file}:1:2: redis must be a section in { }, not a text',
    ],
    ['a text for a section', { redis: 'hunter2' }, '{file}:1:2: redis must be a section in { }, not a text'],
    [
      'URLs for addresses',
      { redis: { sentinels: ['redis://:hunter2@a:1'] } },
      '{file}:1:24: redis.sentinels.0 must be a section in { }, not a text',
    ],
    [
      'a list for a text',
      { redis: { username: ['hunter2'] } },
      '{file}:1:11: redis.username must be a text in quotes or null, not a list',
    ],
    [
      'a URL for a host',
      { redis: { host: 'redis://:hunter2@db' } },
      '{file}:1:11: redis.host must be a host name or address, without scheme and user, not a text',
    ],
  ] as [string, unknown, string][])(
    '%s, without showing what may hold a password',
    async (_, content, problem) => {
      expect(await refusal(content)).toBe(one(problem));
    },
  );

  test('a cron expression that is none', async () => {
    const said = await refusal({ audit: { backup_schedule: 'at three' } });
    expect(said).toStartWith(one('{file}:1:11: audit.backup_schedule "at three" is not a cron expression: '));
  });

  test('a variable, by its name', async () => {
    expect(await refusal({}, { env: { AO_REDIS__PORT: 'abc' } })).toBe(
      one('AO_REDIS__PORT: redis.port must be a whole number from 1 to 65535, not "abc"'),
    );
    expect(await refusal({}, { env: { AO_RATE_LIMIT__MAX_REQUEST: '5' } })).toBe(
      one(
        'AO_RATE_LIMIT__MAX_REQUEST: rate_limit.max_request is not a known key; did you mean AO_RATE_LIMIT__MAX_REQUESTS?',
      ),
    );
    const url = await refusal({}, { env: { DATABASE_URL: 'mysql://root:hunter2@db' } });
    expect(url).toStartWith(one('DATABASE_URL: database.url must be sqlite:FILE'));
    expect(url).not.toContain('hunter2');
  });

  test.each([
    ['AO_JWT_SECRET', 'JWT_SECRET'],
    ['AO_JWT_SECRET_PREVIOUS', 'JWT_SECRET_PREVIOUS'],
    ['JWT_SECERT', 'JWT_SECRET'],
  ])('a secret under the name %s', async (name, likely) => {
    expect(await refusal({}, { env: { [name]: 'hunter2' } })).toBe(
      one(`${name} is no variable of this program; did you mean ${likely}?`),
    );
  });

  test.each(['JWT_ISSUER', 'JWT_SECRET_KEY', 'JWKS_URL'])(
    'not a variable of somebody else: %s',
    async (name) => {
      expect(await load({}, { env: { [name]: 'x' } })).toEqual(loadConfig(CONFIG, { env: {} }));
    },
  );

  test('a flag, by its name', async () => {
    expect(await refusal({}, { flags: { port: '70000' } })).toBe(
      one('--port: server.port must be a whole number from 0 to 65535, not 70000'),
    );
  });

  test('everything at once', async () => {
    const said = await refusal(
      { server: { prot: 1 }, log: { level: 'loud' } },
      { env: { AO_REDIS__DB: '-1' } },
    );
    expect(said.split('\n')).toHaveLength(4);
    expect(said).toContain('did you mean server.port?');
    expect(said).toContain('log.level must be one of');
    expect(said).toContain('AO_REDIS__DB: redis.db must be');
  });

  test('what does not fit, together with what is unsound in the rest', async () => {
    const said = await refusal({
      runs: { concurrency: 'many', retry_base_ms: 9, retry_max_ms: 5 },
      server: { prot: 1, trusted_proxies: ['proxy'] },
      redis: 'redis://db',
    });
    expect(said).toContain('runs.concurrency must be');
    expect(said).toContain('runs.retry_base_ms must not be above runs.retry_max_ms');
    expect(said).toContain('did you mean server.port?');
    expect(said).toContain('"proxy" is neither an address nor a range');
    expect(said).toContain('redis must be a section');
    expect(said.split('\n')).toHaveLength(6);
  });

  test('nothing is derived from a default that stands in for a wrong value', async () => {
    const said = await refusal({ runs: { retry_base_ms: 400_000, retry_max_ms: 'long' } });
    expect(said).toStartWith(one('{file}:1:33: runs.retry_max_ms must be'));
  });

  test.each([
    ['AO_RATE_LIMIT__ROLES', 'viewer', 'rate_limit.roles must be a section in { }, not a text'],
    ['AO_RATE_LIMIT__ROLES', '{"viewer": 5', 'not valid JSON (column 13)'],
    ['AO_REDIS__SENTINELS', 'a:1,b:2', 'redis.sentinels must be a list in [ ], not a text'],
    ['AO_REDIS__SENTINELS', '[{"host":"a"}]', 'redis.sentinels.0.port is missing'],
    ['AO_SERVER__TRUSTED_PROXIES', '["10.0.0.0/8"', 'not valid JSON (column 14)'],
    ['AO_SERVER__TRUSTED_PROXIES', '{"a": 1}', 'server.trusted_proxies must be a list in [ ], not a section'],
    ['AO_SERVER__TRUSTED_PROXIES', 'null', 'server.trusted_proxies must be a list in [ ], not null'],
  ])('%s=%s, with an example of the right form', async (name, value, problem) => {
    const said = await refusal({}, { env: { [name]: value } });
    expect(said).toStartWith(one(`${name}: `));
    expect(said).toContain(problem);
    const [, example = ''] = / for example \w+=(.*)$/.exec(said) ?? [];
    const env = { [name]: example.replace(/^'(.*)'$/, '$1') };
    expect(await load({}, { env })).not.toEqual(loadConfig(CONFIG, { env: {} }));
  });

  test.each([
    ['AO_RATE_LIMIT_MAX_REQUESTS', '5', 'did you mean AO_RATE_LIMIT__MAX_REQUESTS?'],
    ['AO_ADMIN_PASWORD', 'a long password', 'did you mean AO_ADMIN_PASSWORD?'],
    ['AO_DATABASE_URL_FILE', '/run/url', 'did you mean AO_DATABASE__URL_FILE?'],
    ['JWT_SECERT_FILE', '/run/secret', 'did you mean JWT_SECRET_FILE?'],
    ['AO_SERVER__HOST_FILE', '/run/host', 'only secrets can be read from a file'],
    ['AO_ENV', 'prod', 'did you mean production?'],
    ['AO_ENV', 'Prodution', 'did you mean production?'],
  ])('a variable that is nearly one: %s=%s', async (name, value, said) => {
    expect(await refusal({}, { env: { [name]: value } })).toContain(said);
  });

  test('but not a variable of somebody else', () => {
    const env = { AO_BUILD: '5', AO_ENV: 'preproduction', AO_ADMIN_PASSWORD: 'x', AO_ENCRYPTION_KEY: 'y' };
    expect(loadConfig(CONFIG, { env })).toEqual(loadConfig(CONFIG, { env: {} }));
  });

  test('a file that is not there', () => {
    const attempt = () => loadConfig(CONFIG, { file: '/nowhere/config.json', env: {} });
    expect(attempt).toThrow('the configuration file /nowhere/config.json cannot be read');
  });
});

describe('shown to people', () => {
  test('passwords are masked and the rest is as it is', () => {
    const env = { AO_REDIS__PASSWORD: 'hunter2', DATABASE_URL: 'postgres://ao:hunter2@db:5432/ao' };
    const shown = masked(CONFIG, loadConfig(CONFIG, { env }));
    expect(JSON.stringify(shown)).not.toContain('hunter2');
    expect(shown.redis.password).toBe('[masked]');
    expect(shown.database.url).toBe('postgres://ao:[masked]@db:5432/ao');
    expect(masked(CONFIG, loadConfig(CONFIG, { env: {} }))).toEqual(loadConfig(CONFIG, { env: {} }));
  });

  test.each([
    ['sqlite:data.db', 'sqlite:data.db'],
    ['postgres://u@h/db', 'postgres://u@h/db'],
    ['postgres://u:p%40ss@h/db?sslmode=require', 'postgres://u:[masked]@h/db?sslmode=require'],
    ['postgres://h/db?user=u&password=p', 'postgres://h/db?user=u&password=[masked]'],
    ['postgres://u:p/w@h:x/db', '[masked]'],
  ])('%s becomes %s', (url, shown) => {
    expect(maskedUrl(url)).toBe(shown);
  });
});

test('changes are told apart: those that can be applied now, and those that need a restart', () => {
  const before = loadConfig(CONFIG, { env: {} });
  expect(changedKeys(CONFIG, before, loadConfig(CONFIG, { env: {} }))).toEqual({ live: [], restart: [] });
  const after = loadConfig(CONFIG, {
    env: {
      AO_RATE_LIMIT__MAX_REQUESTS: '5',
      AO_RATE_LIMIT__ROLES: '{"viewer": {"max_requests": 1, "window_seconds": 1}}',
      AO_LOG__LEVEL: 'debug',
      AO_SERVER__WORKERS: '2',
      AO_REDIS__HOST: 'other',
    },
  });
  expect(changedKeys(CONFIG, before, after)).toEqual({
    live: ['rate_limit.max_requests', 'rate_limit.roles', 'log.level'],
    restart: ['server.workers', 'redis.host'],
  });
});

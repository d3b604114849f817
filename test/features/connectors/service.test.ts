import { afterEach, describe, expect, test } from 'bun:test';
import { ENCRYPTION_KEY } from '@test/support/core.ts';
import { forEachDatabase } from '@test/support/databases.ts';
import { testEngine, tester } from '@test/support/engine.ts';
import { recorder } from '@test/support/recorder.ts';
import { until } from '@test/support/wait.ts';
import { credentialKey, seal, unseal } from '@/features/connectors/credentials.ts';
import type { ConnectorInput } from '@/features/connectors/schema.ts';
import { Lead } from '@/features/leads/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { InvalidRequest } from '@/platform/errors/problem.ts';
import { holdStill } from '@/platform/time/clock.ts';

const input = (over: Partial<ConnectorInput> = {}): ConnectorInput => ({
  method: 'POST',
  url: 'https://crm.example.com/contacts',
  id_path: 'id',
  ...over,
});
const bearer = { type: 'bearer', token: 'very secret' } as const;

const LEAD = [{ name: 'lead', fields: Object.keys(Lead.properties) }];

const call = (scope: object) => ({
  scope: { lead: null, context: {}, ...scope },
  idempotencyKey: 'run:step',
  timeoutMs: 1000,
  signal: new AbortController().signal,
});

describe('sealed credentials', () => {
  const key = credentialKey(ENCRYPTION_KEY);
  test('open with their key and for their connector alone, and differ each time', () => {
    const sealed = seal(key, 'crm', 'geheim ☃');
    expect(unseal(key, 'crm', sealed)).toBe('geheim ☃');
    expect(seal(key, 'crm', 'geheim ☃')).not.toBe(sealed);
    expect(() => unseal(Buffer.alloc(32, 1), 'crm', sealed)).toThrow();
    expect(() => unseal(key, 'other', sealed)).toThrow();
    const [version, nonce, text = '', tag] = sealed.split('.');
    const bytes = Buffer.from(text, 'base64url');
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    expect(() => unseal(key, 'crm', [version, nonce, bytes.toString('base64url'), tag].join('.'))).toThrow();
    expect(() => unseal(key, 'crm', [version, nonce, text, ''].join('.'))).toThrow();
  });
  test('need a key of 32 bytes', () => {
    expect(() => credentialKey('c2hvcnQ=')).toThrow('32 bytes');
  });
});

forEachDatabase('the CRM connector', (open) => {
  test('keeps credentials encrypted and shows none', async () => {
    const { connectors, db } = testEngine(await open());
    await expect(connectors.view()).rejects.toThrow('No CRM is configured');
    expect(await connectors.status()).toMatchObject({ status: 'not_configured' });
    const view = await connectors.configure(tester, input({ auth: bearer }));
    expect(view.auth).toEqual({ type: 'bearer', configured: true });
    expect(await connectors.view()).toEqual(view);
    const stored = JSON.stringify([
      await db.read.selectFrom('connectors').selectAll().execute(),
      await db.read.selectFrom('audit_events').selectAll().execute(),
      view,
    ]);
    expect(stored).not.toContain('very secret');
  });

  test('keeps credentials only while the host stays', async () => {
    const { connectors } = testEngine(await open());
    await connectors.configure(tester, input({ auth: bearer }));
    const moved = await connectors.configure(
      tester,
      input({ url: 'https://crm.example.com/v2/{{lead.email}}' }),
    );
    expect(moved.auth).toEqual({ type: 'bearer', configured: true });
    for (const over of [{ url: 'https://evil.example.com/' }, { status_url: 'https://evil.example.com/' }]) {
      await expect(connectors.configure(tester, input(over))).rejects.toThrow('give the credentials again');
    }
    const open_ = await connectors.configure(
      tester,
      input({ url: 'https://b.example.com/', auth: { type: 'none' } }),
    );
    expect(open_.auth).toEqual({ type: 'none', configured: false });
  });

  test('asks the CRM for its status', async () => {
    let status = 200;
    await using crm = recorder(() => new Response('', { status }));
    const { connectors } = testEngine(await open());
    await connectors.configure(
      tester,
      input({ url: `${crm.url}/c`, status_url: `${crm.url}/ping`, auth: bearer }),
    );
    expect(await connectors.status()).toMatchObject({ status: 'ready', detail: 'The CRM answered 200.' });
    expect(crm.calls[0]).toMatchObject({ method: 'GET', path: '/ping' });
    expect(crm.calls[0]?.headers.get('authorization')).toBe('Bearer very secret');
    status = 401;
    expect(await connectors.status()).toMatchObject({ status: 'degraded' });
    await connectors.configure(
      tester,
      input({ url: 'http://127.0.0.1:1/', status_url: 'http://127.0.0.1:1/', auth: bearer }),
    );
    expect(await connectors.status()).toMatchObject({ status: 'unavailable' });
  });

  test('says so when its credentials were encrypted with another key', async () => {
    const { connectors, db } = testEngine(await open());
    await connectors.configure(tester, input({ auth: bearer }));
    await db.write((trx) =>
      trx
        .updateTable('connectors')
        .set({ sealed_credentials: seal(Buffer.alloc(32, 9), 'crm', JSON.stringify(bearer)) })
        .execute(),
    );
    expect(await testEngine(db).connectors.status()).toMatchObject({
      status: 'unavailable',
      detail: expect.stringContaining('cannot be decrypted'),
    });
    const { connectors: later } = testEngine(db);
    for (const attempt of [later.view(), later.configure(tester, input())]) {
      await expect(attempt).rejects.toMatchObject({ status: 503, detail: expect.stringContaining('anew') });
    }
    await later.configure(tester, input({ auth: bearer }));
    expect((await later.view()).auth).toEqual({ type: 'bearer', configured: true });
  });

  test('sends what is configured', async () => {
    await using crm = recorder(() => Response.json({ data: { 'a/b': 12 } }));
    const { connectors } = testEngine(await open());
    await connectors.configure(
      tester,
      input({
        method: 'PATCH',
        url: `${crm.url}/c/{{lead.email}}`,
        headers: { 'X-Source': 'ao {{lead.source}}' },
        id_path: '/data/a~1b',
        idempotency_header: 'X-Request-Key',
        auth: { type: 'basic', username: 'u', password: 'p' },
      }),
    );
    const lead = { email: 'a/b@x.io', source: 'web' };
    const answer = await connectors.upsert(call({ lead }));
    expect(answer?.recordId(JSON.parse(answer.body))).toBe('12');
    expect(answer?.recordId({ data: {} })).toBeNull();
    const [sent] = crm.calls;
    expect(sent).toMatchObject({ method: 'PATCH', path: '/c/a%2Fb%40x.io', body: JSON.stringify(lead) });
    expect(sent?.headers.get('x-request-key')).toBe('run:step');
    expect(sent?.headers.get('x-source')).toBe('ao web');
    expect(sent?.headers.get('authorization')).toBe('Basic dTpw');
  });
});

const sent: [Partial<ConnectorInput>, string][] = [
  [
    { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: { e: '{{lead.email}}' } },
    'e=a%2B%22%40x.io',
  ],
  [
    { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'e={{lead.email}}' },
    'e=a%2B%22%40x.io',
  ],
  [{ body: '{"e": "{{lead.email}}", "n": {{lead.phone}}}' }, '{"e": "a+\\"@x.io", "n": null}'],
  [{ headers: { 'content-type': 'application/xml' }, body: '<e>{{lead.email}}</e>' }, '<e>a+&#34;@x.io</e>'],
];
test.each(sent)('a connector with %j sends %p', async (over, body) => {
  const { compileRest, settingsOf } = await import('@/features/connectors/rest.ts');
  const settings = { ...settingsOf(input()), ...over, url: 'https://crm.example.com/{{lead.email}}' };
  const request = compileRest(settings, { type: 'none' }, LEAD)({ lead: { email: 'a+"@x.io' } }, 'key');
  expect(request.body).toBe(body);
  expect(new Headers(request.headers).get('content-type')).toBe(
    new Headers(over.headers).get('content-type') ?? 'application/json',
  );
});

forEachDatabase('the health of the CRM connector', (open) => {
  const release: (() => void)[] = [];
  afterEach(() => {
    for (const each of release.splice(0)) each();
  });

  /** A configured CRM whose answer to `/ping` a test decides, and a clock that it moves. */
  async function asked(answer: { status: number }) {
    const clock = { now: Date.now() };
    release.push(holdStill({ now: () => clock.now }));
    const crm = recorder(() => new Response('', { status: answer.status }));
    release.push(() => void crm[Symbol.asyncDispose]());
    const { db, cut } = breakable(await open());
    const { connectors } = testEngine(db);
    await connectors.configure(tester, input({ url: `${crm.url}/c`, status_url: `${crm.url}/ping` }));
    return { clock, crm, connectors, cut };
  }

  test('is the last answer for a while, then a new one is waited for, however seldom somebody asks', async () => {
    const answer = { status: 200 };
    const { clock, crm, connectors } = await asked(answer);
    expect(await connectors.health()).toMatchObject({ status: 'ready' });
    answer.status = 500;
    clock.now += 9_999;
    expect(await connectors.health()).toMatchObject({ status: 'ready' });
    expect(crm.calls).toHaveLength(1);
    clock.now += 2;
    expect(await connectors.health()).toMatchObject({ status: 'ready' });
    await until(async () => (await connectors.health()).status === 'degraded');
    answer.status = 200;
    clock.now += 240_000;
    expect(await connectors.health()).toMatchObject({ status: 'ready' });
    expect(crm.calls).toHaveLength(3);
  });

  test('is asked anew as soon as the database is back', async () => {
    const { connectors, cut } = await asked({ status: 200 });
    cut(true);
    await expect(connectors.health()).rejects.toThrow('the database is away');
    expect(await connectors.status()).toMatchObject({
      status: 'unavailable',
      detail: 'the database is away',
    });
    cut(false);
    expect(await connectors.health()).toMatchObject({ status: 'ready' });
  });

  test('of a new configuration is never that of the one before', async () => {
    const held = Promise.withResolvers<void>();
    await using crm = recorder(async () => {
      await held.promise;
      return new Response('', { status: 500 });
    });
    const { connectors } = testEngine(await open());
    await connectors.configure(tester, input({ url: `${crm.url}/c`, status_url: `${crm.url}/ping` }));
    const before = connectors.health();
    await until(() => crm.calls.length === 1);
    await connectors.configure(tester, input({ url: `${crm.url}/c` }));
    held.resolve();
    expect(await before).toMatchObject({ status: 'degraded' });
    expect(await connectors.health()).toMatchObject({ status: 'ready', latency_ms: null });
  });
});

/** A database whose reads fail while it is cut off. */
function breakable(db: Database): { db: Database; cut: (off: boolean) => void } {
  let away = false;
  const cuttable = new Proxy(db, {
    get: (target, name) => {
      if (name === 'read' && away) throw new Error('the database is away');
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return {
    db: cuttable,
    cut: (off) => {
      away = off;
    },
  };
}

const refusals: [string, Partial<ConnectorInput>, string][] = [
  ['a template in the host', { url: 'https://{{lead.company}}.example.com/' }, '/url'],
  ['a template in the port', { url: 'https://crm.example.com:{{lead.phone}}/' }, '/url'],
  ['credentials in the URL', { url: 'https://u:p@crm.example.com/' }, '/url'],
  ['credentials among the headers', { headers: { Authorization: 'x' } }, '/headers/Authorization'],
  ['a secret header', { headers: { 'X-Api-Key': 'x' } }, '/headers/X-Api-Key'],
  ['an unknown name', { body: { a: '{{lead.nope}}' } }, '/body/a'],
  ['a step', { body: '{{steps.a.output}}' }, '/body'],
  ['a template in the status URL', { status_url: 'https://crm.example.com/{{lead.id}}' }, '/status_url'],
  ['a bad header name', { auth: { type: 'header', name: 'a b', value: 'x' } }, '/auth/name'],
];
test.each(refusals)('a connector with %s is refused with the place', async (_, over, path) => {
  const { compileRest, settingsOf } = await import('@/features/connectors/rest.ts');
  try {
    compileRest(settingsOf(input(over)), over.auth ?? { type: 'none' }, LEAD);
    throw new Error('was accepted');
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    expect(error.errors?.map((field) => field.path)).toEqual([path]);
  }
});

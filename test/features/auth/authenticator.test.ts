import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { lowerRole } from '@/features/auth/authenticator.ts';
import type { User } from '@/features/auth/schema.ts';
import type { Database } from '@/platform/db/database.ts';
import { Unauthorized } from '@/platform/errors/problem.ts';
import { holdStill } from '@/platform/time/clock.ts';
import { ACTOR, emptied, openAuth, sharedWire } from './fixtures.ts';

test.each([
  ['admin', 'admin', 'admin'],
  ['admin', 'viewer', 'viewer'],
  ['viewer', 'admin', 'viewer'],
  ['operator', 'viewer', 'viewer'],
  ['operator', 'admin', 'operator'],
] as const)('the lower of %s and %s is %s', (a, b, lower) => {
  expect(lowerRole(a, b)).toBe(lower);
});

forEachDatabase('authentication', (open) => {
  const openEmpty = emptied(open);
  let db: Database;
  let here: ReturnType<typeof openAuth>;
  /** Another worker that hears nothing of this one. */
  let there: ReturnType<typeof openAuth>;
  let grace: User;
  let time = 0;
  let putBack: () => void = () => undefined;

  beforeEach(async () => {
    db = await openEmpty();
    here = openAuth(db);
    there = openAuth(db);
    await here.addUser('root', 'admin');
    grace = await here.addUser('grace', 'operator');
    time = Date.now();
    putBack = holdStill({ now: () => time });
  });
  afterEach(() => putBack());

  const newKey = async (input: { expires_in_days?: number } = {}) =>
    (await here.keys.create(ACTOR, { id: grace.user_id, role: grace.role }, { name: 'import', ...input }))
      .api_key;

  test('nothing shown is nobody', async () => {
    expect(await here.authenticator.authenticate({ authorization: null, apiKey: null })).toBeNull();
  });

  test('a token says who, and until when', async () => {
    const token = await here.tokenOf('grace');
    expect(await here.withToken(token)).toMatchObject({
      id: grace.user_id,
      username: 'grace',
      role: 'operator',
      via: 'jwt',
      expiresAt: Math.floor(time / 1000) + 3600,
    });
    const shouted = { authorization: `BEARER  ${token}`, apiKey: null };
    expect(await here.authenticator.authenticate(shouted)).toMatchObject({ id: grace.user_id });
  });

  test.each([
    ['another scheme', 'Basic Z3JhY2U6eA=='],
    ['no scheme', 'nonsense'],
    ['an empty header', ''],
    ['a scheme alone', 'Bearer'],
    ['garbage', 'Bearer nonsense'],
    ['half a token', 'Bearer abc.def'],
    ['a token of nobody', 'Bearer abc.def.ghi'],
    ['two tokens', 'Bearer a.b.c, Bearer a.b.c'],
    ['a token of 100,000 characters', `Bearer a.b.${'c'.repeat(100_000)}`],
  ])('refuses %s with a challenge', async (_, authorization) => {
    const refused = here.authenticator.authenticate({ authorization, apiKey: null });
    await expect(refused).rejects.toBeInstanceOf(Unauthorized);
    await expect(refused).rejects.toMatchObject({
      headers: { 'www-authenticate': 'Bearer realm="automation-orchestrator", error="invalid_token"' },
    });
  });

  test.each([
    ['a short one', 'ao_x'],
    ['one of nobody', `ao_${'x'.repeat(43)}`],
    ['one with a NUL byte', `ao_${'x'.repeat(42)}\u0000`],
    ['an empty one', ''],
  ])('refuses as API key %s', async (_, apiKey) => {
    await expect(here.withKey(apiKey)).rejects.toBeInstanceOf(Unauthorized);
    expect(here.counts.get('ao_auth_failures_total{invalid_api_key}')).toBe(1);
  });

  test('a bad token beside a good key is refused: what is shown must be good', async () => {
    const refused = here.authenticator.authenticate({
      authorization: 'Bearer a.b.c',
      apiKey: await newKey(),
    });
    await expect(refused).rejects.toBeInstanceOf(Unauthorized);
  });

  describe('a change made elsewhere holds here within a second, also when nobody tells', () => {
    const cases: [string, (token: string) => Promise<unknown>, 'refused' | 'viewer'][] = [
      [
        'log-out',
        async (token) => {
          const principal = await there.withToken(token);
          if (principal) await there.login.logOut(ACTOR, principal, false);
        },
        'refused',
      ],
      ['log-out everywhere', () => there.users.endTokens(ACTOR, grace.user_id), 'refused'],
      ['deactivation', () => there.users.deactivate(ACTOR, grace.user_id), 'refused'],
      [
        'a new password',
        () => there.users.setPassword(ACTOR, grace.user_id, 'another good password'),
        'refused',
      ],
      ['another role', () => there.users.setRole(ACTOR, grace.user_id, 'viewer'), 'viewer'],
    ];
    test.each(cases)('%s', async (_, change, result) => {
      const token = await here.tokenOf('grace');
      expect(await here.withToken(token)).toMatchObject({ role: 'operator' });
      await change(token);
      time += 499;
      expect(await here.withToken(token)).toMatchObject({ role: 'operator' });
      time += 1;
      if (result === 'refused') await expect(here.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
      else expect(await here.withToken(token)).toMatchObject({ role: result });
    });

    test('a revoked key, and the role of the owner', async () => {
      const apiKey = await newKey();
      const principal = await here.withKey(apiKey);
      expect(principal).toMatchObject({ id: grace.user_id, role: 'operator', via: 'api_key' });
      await there.users.setRole(ACTOR, grace.user_id, 'viewer');
      time += 500;
      expect(await here.withKey(apiKey)).toMatchObject({ role: 'viewer' });
      await there.users.setRole(ACTOR, grace.user_id, 'admin');
      time += 500;
      expect(await here.withKey(apiKey)).toMatchObject({ role: 'operator' });
      await there.users.deactivate(ACTOR, grace.user_id);
      time += 500;
      await expect(here.withKey(apiKey)).rejects.toBeInstanceOf(Unauthorized);
      await there.users.activate(ACTOR, grace.user_id);
      expect(await here.withKey(apiKey)).not.toBeNull();
      await there.keys.revoke(ACTOR, principal?.credentialId ?? '', null);
      time += 500;
      await expect(here.withKey(apiKey)).rejects.toBeInstanceOf(Unauthorized);
    });
  });

  test('a change made elsewhere holds here at once when the wire carries it', async () => {
    const wire = sharedWire();
    const [one, other] = [openAuth(db, { wire }), openAuth(db, { wire })];
    const token = await one.tokenOf('grace');
    expect(await other.withToken(token)).not.toBeNull();
    await one.users.deactivate(ACTOR, grace.user_id);
    await expect(other.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
  });

  test('tokens of before a deactivation stay dead when the user is activated again', async () => {
    const token = await here.tokenOf('grace');
    await here.users.deactivate(ACTOR, grace.user_id);
    await here.users.activate(ACTOR, grace.user_id);
    await expect(here.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
    expect(await here.withToken(await here.tokenOf('grace'))).not.toBeNull();
  });

  test('token and key end when their time is over, also in the middle of the half second', async () => {
    const token = await here.tokenOf('grace');
    const apiKey = await newKey({ expires_in_days: 1 });
    const start = time;
    time = Math.floor(start / 1000) * 1000 + 3_599_900;
    expect(await here.withToken(token)).not.toBeNull();
    time += 100;
    await expect(here.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
    time = start + 86_399_900;
    expect(await here.withKey(apiKey)).not.toBeNull();
    time += 100;
    await expect(here.withKey(apiKey)).rejects.toBeInstanceOf(Unauthorized);
    expect(here.counts.get('ao_auth_failures_total{expired_api_key}')).toBe(1);
  });

  test('a clock that is set back does not keep a dead token alive', async () => {
    const token = await here.tokenOf('grace');
    expect(await here.withToken(token)).not.toBeNull();
    await there.users.deactivate(ACTOR, grace.user_id);
    time -= 60_000;
    await expect(here.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
  });

  test('the use of a key is noted, at most once a minute', async () => {
    const apiKey = await newKey();
    const lastUse = async () =>
      (await db.read.selectFrom('api_keys').select('last_used_at').executeTakeFirstOrThrow()).last_used_at;
    const start = time;
    await here.withKey(apiKey);
    await here.authenticator.settle();
    expect(await lastUse()).toBe(start);
    time += 59_400;
    for (const worker of [here, there]) {
      await worker.withKey(apiKey);
      await worker.authenticator.settle();
    }
    expect(await lastUse()).toBe(start);
    time += 600;
    for (const worker of [there, here]) {
      await worker.withKey(apiKey);
      await worker.authenticator.settle();
      time += 500;
    }
    expect(await lastUse()).toBe(start + 60_000);
  });

  test('a hundred requests at once look at the database once', async () => {
    const token = await here.tokenOf('grace');
    const found = await Promise.all(Array.from({ length: 100 }, () => here.withToken(token)));
    expect(new Set(found).size).toBe(1);
  });
});

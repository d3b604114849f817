import { beforeEach, describe, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { ANONYMOUS_OPERATOR } from '@/features/auth/authenticator.ts';
import type { User } from '@/features/auth/schema.ts';
import {
  Conflict,
  Forbidden,
  InvalidRequest,
  TooManyRequests,
  Unauthorized,
} from '@/platform/errors/problem.ts';
import { holdStill } from '@/platform/time/clock.ts';
import { ACTOR, ADDRESS, emptied, openAuth, PASSWORD, STRANGER } from './fixtures.ts';

forEachDatabase('log-in', (open) => {
  const openEmpty = emptied(open);
  let auth: ReturnType<typeof openAuth>;
  let grace: User;
  beforeEach(async () => {
    auth = openAuth(await openEmpty(), { auth: { login_attempts_per_user: 5 } });
    grace = await auth.addUser('grace', 'operator');
  });

  const logIn = (username: string, password: string) =>
    auth.login.logIn(STRANGER, ADDRESS, { username, password });
  const principal = async () => {
    const found = await auth.withToken(await auth.tokenOf('grace'));
    if (!found) throw new Error('no principal');
    return found;
  };

  test('gives a token for the right password, whatever the case of the name, and an event', async () => {
    const answer = await logIn('GRACE', PASSWORD);
    expect(answer).toMatchObject({
      token_type: 'bearer',
      expires_in: 3600,
      user_id: grace.user_id,
      username: 'grace',
      role: 'operator',
    });
    expect(await auth.withToken(answer.access_token)).toMatchObject({ id: grace.user_id, via: 'jwt' });
    const [event] = await auth.events('auth.login');
    expect(event).toMatchObject({
      actor_type: 'user',
      actor_id: grace.user_id,
      outcome: 'success',
      address: ADDRESS,
    });
    expect(JSON.stringify(event)).not.toContain(answer.access_token);
  });

  test('refuses unknown, deactivated and mistyped alike, counts and audits it without the name', async () => {
    const joan = await auth.addUser('joan', 'viewer');
    await auth.users.deactivate(ACTOR, joan.user_id);
    const refusals = await Promise.all(
      [logIn('my-password-by-mistake', 'x'), logIn('joan', PASSWORD), logIn('grace', 'wrong')].map(
        (attempt) =>
          attempt.then(() => 'in').catch((error: Unauthorized) => `${error.status} ${error.detail}`),
      ),
    );
    expect(new Set(refusals)).toEqual(new Set(['401 User name or password is wrong.']));
    const events = await auth.events('auth.login');
    expect(events.map((event) => [event.outcome, event.details.reason]).toSorted()).toEqual([
      ['failure', 'bad_password'],
      ['failure', 'inactive_user'],
      ['failure', 'unknown_user'],
    ]);
    expect(JSON.stringify(events)).not.toContain('my-password-by-mistake');
    expect(auth.counts.get('ao_auth_failures_total{bad_password}')).toBe(2);
    expect(auth.counts.get('ao_auth_failures_total{inactive_user}')).toBe(1);
  });

  test('is throttled before the password is looked at', async () => {
    for (let i = 0; i < 5; i += 1) await expect(logIn('grace', 'wrong')).rejects.toBeInstanceOf(Unauthorized);
    await expect(logIn('grace', PASSWORD)).rejects.toBeInstanceOf(TooManyRequests);
    await expect(logIn('grace', 'wrong')).rejects.toBeInstanceOf(TooManyRequests);
    expect(auth.counts.get('ao_auth_failures_total{throttled}')).toBe(2);
    const denied = (await auth.events('auth.login')).filter((event) => event.outcome === 'denied');
    expect(denied).toMatchObject([{ address: ADDRESS, details: { reason: 'throttled' } }]);
  });

  describe('log-out', () => {
    test('ends this token and no other', async () => {
      const [one, other] = [await auth.tokenOf('grace'), await auth.tokenOf('grace')];
      const found = await auth.withToken(one);
      if (!found) throw new Error('no principal');
      await auth.login.logOut(ACTOR, found, false);
      await expect(auth.withToken(one)).rejects.toBeInstanceOf(Unauthorized);
      expect(await auth.withToken(other)).not.toBeNull();
      expect(await auth.events('auth.logout')).toMatchObject([{ details: { jti: found.credentialId } }]);
      await auth.login.logOut(ACTOR, found, false);
    });

    test('is remembered only until the token would have ended by itself', async () => {
      const found = await principal();
      await auth.login.logOut(ACTOR, found, false);
      expect(await auth.login.prune()).toBe(0);
      const putBack = holdStill({ now: () => (found.expiresAt ?? 0) * 1000 });
      expect(await auth.login.prune().finally(putBack)).toBe(1);
    });

    test('everywhere ends all of them', async () => {
      const [one, other] = [await auth.tokenOf('grace'), await auth.tokenOf('grace')];
      await auth.login.logOut(ACTOR, await principal(), true);
      for (const token of [one, other])
        await expect(auth.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
      expect(await auth.withToken(await auth.tokenOf('grace'))).not.toBeNull();
    });

    test('is nothing for an API key', async () => {
      const { api_key } = await auth.keys.createOwn(ACTOR, await principal(), { name: 'import' });
      const found = await auth.withKey(api_key);
      if (!found) throw new Error('no principal');
      await expect(auth.login.logOut(ACTOR, found, false)).rejects.toBeInstanceOf(Conflict);
    });
  });

  describe('changing the own password', () => {
    const NEW = 'a sentence that only I would say';
    const change = async (current: string, next: string) =>
      auth.login.changePassword(ACTOR, await principal(), ADDRESS, {
        current_password: current,
        new_password: next,
      });

    test('ends all older tokens and leaves API keys', async () => {
      const before = await auth.tokenOf('grace');
      const { api_key } = await auth.keys.createOwn(ACTOR, await principal(), { name: 'import' });
      await change(PASSWORD, NEW);
      await expect(auth.withToken(before)).rejects.toBeInstanceOf(Unauthorized);
      expect(await auth.withKey(api_key)).not.toBeNull();
      expect((await logIn('grace', NEW)).username).toBe('grace');
      expect(JSON.stringify(await auth.events('user.password_changed'))).not.toContain(NEW);
    });

    test('needs the current one: 422 that names the field, and an event', async () => {
      const attempt = change('wrong', NEW);
      await expect(attempt).rejects.toBeInstanceOf(InvalidRequest);
      await expect(attempt).rejects.toMatchObject({ errors: [{ in: 'body', path: '/current_password' }] });
      expect(await auth.events('user.password_changed')).toMatchObject([{ outcome: 'failure' }]);
      expect((await logIn('grace', PASSWORD)).username).toBe('grace');
    });

    test('refuses a bad new one with its own field', async () => {
      await expect(change(PASSWORD, 'short')).rejects.toMatchObject({ errors: [{ path: '/new_password' }] });
    });

    test('is nothing for nobody', async () => {
      const attempt = { current_password: PASSWORD, new_password: NEW };
      const refused = auth.login.changePassword(STRANGER, ANONYMOUS_OPERATOR, ADDRESS, attempt);
      await expect(refused).rejects.toBeInstanceOf(Forbidden);
    });

    test('cannot be used to guess passwords without end', async () => {
      const found = await principal();
      const guess = () =>
        auth.login.changePassword(ACTOR, found, ADDRESS, { current_password: 'guess', new_password: NEW });
      for (let i = 0; i < 5; i += 1) await expect(guess()).rejects.toBeInstanceOf(InvalidRequest);
      await expect(guess()).rejects.toBeInstanceOf(TooManyRequests);
    });
  });

  test('a token of before a password change is dead even when it was issued in the same millisecond', async () => {
    const token = await auth.tokenOf('grace');
    await auth.users.setPassword(ACTOR, grace.user_id, PASSWORD);
    await auth.users.setPassword(ACTOR, grace.user_id, PASSWORD);
    await expect(auth.withToken(token)).rejects.toBeInstanceOf(Unauthorized);
  });
});

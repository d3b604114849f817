import { beforeEach, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { ANONYMOUS_OPERATOR } from '@/features/auth/authenticator.ts';
import type { User } from '@/features/auth/schema.ts';
import { Conflict, Forbidden, NotFound } from '@/platform/errors/problem.ts';
import type { Principal } from '@/platform/identity/principal.ts';
import { newId } from '@/platform/time/clock.ts';
import { ACTOR, emptied, openAuth } from './fixtures.ts';

const principal = (user: User, via: Principal['via'] = 'jwt'): Principal => ({
  id: user.user_id,
  username: user.username,
  email: user.email,
  role: user.role,
  via,
  credentialId: newId(),
  expiresAt: null,
});

forEachDatabase('API keys', (open) => {
  const openEmpty = emptied(open);
  let auth: ReturnType<typeof openAuth>;
  let grace: User;
  beforeEach(async () => {
    auth = openAuth(await openEmpty());
    grace = await auth.addUser('grace', 'operator');
  });

  test('are shown once and stored as a hash', async () => {
    const made = await auth.keys.createOwn(ACTOR, principal(grace), { name: 'import' });
    expect(made.api_key).toMatch(/^ao_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({ name: 'import', role: 'operator', expires_at: null });
    const rows = await auth.db.read.selectFrom('api_keys').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(made.api_key);
    const [listed] = await auth.keys.listOwn(principal(grace));
    expect(listed).toMatchObject({
      key_id: made.key_id,
      prefix: made.api_key.slice(0, 9),
      last_used_at: null,
    });
    expect(JSON.stringify(listed)).not.toContain(made.api_key);
    const [event] = await auth.events('api_key.created');
    expect(event).toMatchObject({
      target_id: made.key_id,
      details: { user_id: grace.user_id, role: 'operator' },
    });
    expect(JSON.stringify(event)).not.toContain(made.api_key.slice(3));
  });

  test('can have a lower role than their maker, never a higher one', async () => {
    const low = await auth.keys.createOwn(ACTOR, principal(grace), { name: 'reader', role: 'viewer' });
    expect((await auth.withKey(low.api_key))?.role).toBe('viewer');
    const high = auth.keys.createOwn(ACTOR, principal(grace), { name: 'root', role: 'admin' });
    await expect(high).rejects.toBeInstanceOf(Forbidden);
  });

  test('cannot be made with an API key, nor by nobody', async () => {
    for (const maker of [principal(grace, 'api_key'), ANONYMOUS_OPERATOR]) {
      await expect((async () => auth.keys.createOwn(ACTOR, maker, { name: 'x' }))()).rejects.toBeInstanceOf(
        Forbidden,
      );
    }
  });

  test('end after the days that were asked for', async () => {
    const made = await auth.keys.createOwn(ACTOR, principal(grace), { name: 'short', expires_in_days: 2 });
    expect(Date.parse(made.expires_at ?? '') - Date.parse(made.created_at)).toBe(2 * 86_400_000);
  });

  test('are revoked by their owner only, once, and leave the list', async () => {
    const joan = await auth.addUser('joan', 'admin');
    const { key_id, api_key } = await auth.keys.createOwn(ACTOR, principal(grace), { name: 'import' });
    const byStranger = auth.keys.revokeOwn(ACTOR, principal(joan), key_id);
    await expect(byStranger).rejects.toBeInstanceOf(NotFound);
    expect(await auth.withKey(api_key)).not.toBeNull();
    await auth.keys.revokeOwn(ACTOR, principal(grace), key_id);
    await expect(auth.withKey(api_key)).rejects.toThrow('not valid');
    expect(await auth.keys.listOwn(principal(grace))).toEqual([]);
    await expect(auth.keys.revokeOwn(ACTOR, principal(grace), key_id)).rejects.toBeInstanceOf(NotFound);
    expect(await auth.events('api_key.revoked')).toHaveLength(1);
  });

  test('end no other key when they are shown themselves, only themselves', async () => {
    const weak = await auth.keys.createOwn(ACTOR, principal(grace), { name: 'weak', role: 'viewer' });
    const strong = await auth.keys.createOwn(ACTOR, principal(grace), { name: 'strong' });
    const shown = await auth.withKey(weak.api_key);
    if (!shown) throw new Error('no principal');
    const attempt = auth.keys.revokeOwn(ACTOR, shown, strong.key_id);
    await expect(attempt).rejects.toBeInstanceOf(Forbidden);
    expect(await auth.withKey(strong.api_key)).not.toBeNull();
    await auth.keys.revokeOwn(ACTOR, shown, weak.key_id);
    await expect(auth.withKey(weak.api_key)).rejects.toThrow('not valid');
  });

  test('of all users can be listed and revoked at the command line', async () => {
    const { key_id } = await auth.keys.create(
      ACTOR,
      { id: grace.user_id, role: grace.role },
      { name: 'import' },
    );
    expect(await auth.keys.listAll()).toMatchObject([{ key_id, username: 'grace', user_id: grace.user_id }]);
    await auth.keys.revoke(ACTOR, key_id, null);
    expect(await auth.keys.listAll()).toEqual([]);
  });

  test('are at most a hundred for each user', async () => {
    for (let i = 0; i < 100; i += 1) await auth.keys.createOwn(ACTOR, principal(grace), { name: `key ${i}` });
    const oneMore = auth.keys.createOwn(ACTOR, principal(grace), { name: 'one more' });
    await expect(oneMore).rejects.toBeInstanceOf(Conflict);
  });
});

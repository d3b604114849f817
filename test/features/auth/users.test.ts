import { beforeEach, describe, expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { CommandFailure, Conflict, InvalidRequest, NotFound } from '@/platform/errors/problem.ts';
import { newId } from '@/platform/time/clock.ts';
import { ACTOR, emptied, openAuth, PASSWORD } from './fixtures.ts';

forEachDatabase('users', (open) => {
  const openEmpty = emptied(open);
  let auth: ReturnType<typeof openAuth>;
  beforeEach(async () => {
    auth = openAuth(await openEmpty());
  });

  describe('creating', () => {
    test('stores the user with its audit event, and shows no hash', async () => {
      const input = {
        username: 'Grace',
        password: PASSWORD,
        role: 'operator',
        email: ' Grace@Example.com ',
      } as const;
      const user = await auth.users.create(ACTOR, input);
      expect(user).toMatchObject({
        username: 'Grace',
        role: 'operator',
        email: 'grace@example.com',
        active: true,
      });
      expect(JSON.stringify(user)).not.toContain('argon2');
      expect(await auth.users.get(user.user_id)).toEqual(user);
      expect(await auth.users.findByName('gRACE')).toEqual(user);
      const [event] = await auth.events('user.created');
      expect(event).toMatchObject({
        actor_id: ACTOR.id,
        target_id: user.user_id,
        details: { role: 'operator' },
      });
      expect(JSON.stringify(event)).not.toContain('example.com');
    });

    test('refuses a name that is taken in any case, and writes no event for it', async () => {
      await auth.addUser('grace', 'viewer');
      await expect(auth.addUser('GRACE', 'viewer')).rejects.toBeInstanceOf(Conflict);
      expect(await auth.events('user.created')).toHaveLength(1);
    });

    test('of two at once with one name exactly one wins', async () => {
      const both = await Promise.allSettled([
        auth.addUser('grace', 'viewer'),
        auth.addUser('Grace', 'admin'),
      ]);
      expect(both.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    });

    test.each([
      ['/username', { username: 'gr ace' }],
      ['/role', { role: 'root' as 'admin' }],
      ['/email', { email: 'grace' }],
      ['/password', { password: `${PASSWORD}\u0000` }],
    ])('checks %s for callers that are no route', async (path, fault) => {
      const create = auth.users.create(ACTOR, {
        username: 'grace',
        password: PASSWORD,
        role: 'viewer',
        ...fault,
      });
      await expect(create).rejects.toBeInstanceOf(InvalidRequest);
      await expect(create).rejects.toMatchObject({ errors: [{ path }] });
    });

    test('refuses a short password and names the field', async () => {
      const create = auth.users.create(ACTOR, { username: 'grace', password: 'short', role: 'viewer' });
      await expect(create).rejects.toBeInstanceOf(InvalidRequest);
    });
  });

  test('lists by role and state, oldest first, page by page', async () => {
    for (const name of ['ada', 'grace', 'joan'])
      await auth.addUser(name, name === 'joan' ? 'admin' : 'viewer');
    const grace = await auth.users.findByName('grace');
    await auth.users.deactivate(ACTOR, grace?.user_id ?? '');
    const names = async (query: object) =>
      (await auth.users.list({ skip: 0, limit: 10, ...query })).users.map((user) => user.username);
    expect(await names({})).toEqual(['ada', 'grace', 'joan']);
    expect(await names({ role: 'viewer' })).toEqual(['ada', 'grace']);
    expect(await names({ active: true })).toEqual(['ada', 'joan']);
    expect(await names({ active: false })).toEqual(['grace']);
    expect(await auth.users.list({ skip: 1, limit: 1 })).toMatchObject({ total: 3, skip: 1, limit: 1 });
    expect(await names({ skip: 1, limit: 1 })).toEqual(['grace']);
  });

  describe('the last active admin', () => {
    test('can be neither deactivated nor demoted', async () => {
      const admin = await auth.addUser('root', 'admin');
      const sleeper = await auth.addUser('sleeper', 'admin');
      await auth.users.deactivate(ACTOR, sleeper.user_id);
      await expect(auth.users.deactivate(ACTOR, admin.user_id)).rejects.toBeInstanceOf(Conflict);
      await expect(auth.users.setRole(ACTOR, admin.user_id, 'operator')).rejects.toBeInstanceOf(Conflict);
      expect(await auth.users.get(admin.user_id)).toMatchObject({ role: 'admin', active: true });
      expect(await auth.events('user.role_changed')).toHaveLength(0);
    });

    test('can go once there is another', async () => {
      const admin = await auth.addUser('root', 'admin');
      const next = await auth.addUser('next', 'viewer');
      await auth.users.setRole(ACTOR, next.user_id, 'admin');
      expect(await auth.users.setRole(ACTOR, admin.user_id, 'viewer')).toMatchObject({ role: 'viewer' });
    });

    test('remains when two admins demote each other at once', async () => {
      const [a, b] = [await auth.addUser('anna', 'admin'), await auth.addUser('bela', 'admin')];
      const both = await Promise.allSettled([
        auth.users.setRole(ACTOR, a.user_id, 'viewer'),
        auth.users.deactivate(ACTOR, b.user_id),
      ]);
      expect(both.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect((await auth.users.list({ skip: 0, limit: 10, role: 'admin', active: true })).total).toBe(1);
    });

    test('may still change the password and log out everywhere', async () => {
      const admin = await auth.addUser('root', 'admin');
      await auth.users.setPassword(ACTOR, admin.user_id, 'another good password');
      await auth.users.endTokens(ACTOR, admin.user_id);
      expect(await auth.users.get(admin.user_id)).toMatchObject({ role: 'admin', active: true });
    });
  });

  test('a change that changes nothing writes no event', async () => {
    await auth.addUser('root', 'admin');
    const { user_id: id } = await auth.addUser('grace', 'viewer');
    await auth.users.setRole(ACTOR, id, 'viewer');
    await auth.users.activate(ACTOR, id);
    expect([...(await auth.events('user.role_changed')), ...(await auth.events('user.activated'))]).toEqual(
      [],
    );
    await auth.users.setRole(ACTOR, id, 'operator');
    expect((await auth.events('user.role_changed'))[0]?.details).toEqual({ from: 'viewer', to: 'operator' });
  });

  test('somebody who is not there is 404', async () => {
    const id = newId();
    expect(await auth.users.get(id)).toBeNull();
    await expect(auth.users.deactivate(ACTOR, id)).rejects.toBeInstanceOf(NotFound);
    await expect(auth.users.setRole(ACTOR, id, 'admin')).rejects.toBeInstanceOf(NotFound);
    await expect(auth.users.setPassword(ACTOR, id, PASSWORD)).rejects.toBeInstanceOf(NotFound);
  });

  describe('the first admin', () => {
    test('gets the password that was given', async () => {
      expect(await auth.users.ensureFirstAdmin(PASSWORD)).toEqual({ created: true });
      expect(await auth.tokenOf('admin')).toBeString();
      expect((await auth.events('user.created'))[0]).toMatchObject({ actor_type: 'system' });
    });

    test('else a random one, told once', async () => {
      const first = await auth.users.ensureFirstAdmin();
      expect(first.generatedPassword).toHaveLength(24);
      expect(await auth.users.ensureFirstAdmin()).toEqual({ created: false });
    });

    test('is one, when several servers begin at once', async () => {
      const results = await Promise.all([1, 2, 3].map(() => auth.users.ensureFirstAdmin()));
      expect(results.filter((result) => result.created)).toHaveLength(1);
      expect(results.filter((result) => result.generatedPassword)).toHaveLength(1);
    });

    test('is not made beside other users', async () => {
      await auth.addUser('grace', 'viewer');
      expect(await auth.users.ensureFirstAdmin(PASSWORD)).toEqual({ created: false });
    });

    test('refuses a short password with a line that names the variable', async () => {
      const refused = auth.users.ensureFirstAdmin('short');
      await expect(refused).rejects.toBeInstanceOf(CommandFailure);
      await expect(refused).rejects.toThrow('AO_ADMIN_PASSWORD must have at least 12 characters.');
    });
  });
});

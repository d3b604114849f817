/** `/api/users` over HTTP: administration of users, for admins. */
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf } from '@/platform/http/context.ts';
import { done, shownAs } from '@/platform/schema/parts.ts';
import { PasswordReset, RoleChange, User, UserId, UserInput, UserPage, UserQuery } from './schema.ts';
import { type UserService, userNotFound } from './users.ts';

export const userRoutes = ({ users }: { users: UserService }) =>
  new Elysia({ name: 'users', prefix: '/api/users', tags: ['users'] })
    .use(accessControl)
    .post(
      '',
      async ({ request, body, set }) => {
        const user = await users.create(actorOf(request), body);
        set.status = 201;
        set.headers.location = `/api/users/${user.user_id}`;
        return user;
      },
      {
        access: 'users:manage',
        body: UserInput,
        response: { 201: User },
        detail: {
          operationId: 'createUser',
          summary: 'Create a user',
          description: 'A user name that is taken, in upper or lower case, is answered with 409.',
          'x-refusals': { 409: 'The user name is taken.' },
        },
      },
    )
    .get('', ({ query }) => users.list(query), {
      access: 'users:manage',
      query: UserQuery,
      response: { 200: UserPage },
      detail: { operationId: 'listUsers', summary: 'List users', description: 'Oldest first.' },
    })
    .get(
      '/:id',
      async ({ params }) => {
        const user = await users.get(params.id);
        if (!user) throw userNotFound(params.id);
        return user;
      },
      {
        access: 'users:manage',
        params: UserId,
        response: { 200: User },
        detail: { operationId: 'getUser', summary: 'Read a user', description: 'Also a deactivated one.' },
      },
    )
    .put('/:id/role', ({ request, params, body }) => users.setRole(actorOf(request), params.id, body.role), {
      access: 'users:manage',
      params: UserId,
      body: RoleChange,
      response: { 200: User },
      detail: {
        operationId: 'setUserRole',
        responses: shownAs('The user in the new role.', { role: 'viewer' }),
        summary: 'Change the role of a user',
        description:
          'Holds for tokens and keys that are out already, within a second. The last active admin keeps the role (409).',
        'x-refusals': { 409: 'This is the last active admin.' },
      },
    })
    .put(
      '/:id/password',
      async ({ request, params, body, status }) => {
        await users.setPassword(actorOf(request), params.id, body.password);
        return status(204, undefined);
      },
      {
        access: 'users:manage',
        params: UserId,
        body: PasswordReset,
        response: { 204: done('The password is set; all access tokens of the user are ended.') },
        detail: {
          operationId: 'resetUserPassword',
          summary: 'Set a new password for a user',
          description: 'For a forgotten password. Ends all access tokens of the user; API keys stay.',
        },
      },
    )
    .post('/:id/deactivate', ({ request, params }) => users.deactivate(actorOf(request), params.id), {
      access: 'users:manage',
      params: UserId,
      response: { 200: User },
      detail: {
        operationId: 'deactivateUser',
        responses: shownAs('The user, deactivated.', { active: false }),
        summary: 'Deactivate a user',
        description:
          'Ends all access tokens of the user and suspends the API keys, within a second. The last active admin cannot be ' +
          'deactivated (409).',
        'x-refusals': { 409: 'This is the last active admin.' },
      },
    })
    .post('/:id/activate', ({ request, params }) => users.activate(actorOf(request), params.id), {
      access: 'users:manage',
      params: UserId,
      response: { 200: User },
      detail: {
        operationId: 'activateUser',
        summary: 'Activate a user again',
        description: 'API keys work again; access tokens from before do not.',
      },
    });

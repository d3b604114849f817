/** `/api/auth` over HTTP: log-in and log-out, one's own account and API keys. */
import { Elysia } from 'elysia';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf, contextOf, principalOf } from '@/platform/http/context.ts';
import type { Permissions } from '@/platform/identity/permissions.ts';
import { done } from '@/platform/schema/parts.ts';
import type { ApiKeyService } from './keys.ts';
import type { Login } from './login.ts';
import {
  ApiKeyCreated,
  ApiKeyId,
  ApiKeyInput,
  ApiKeyList,
  LoginAnswer,
  LoginInput,
  LogoutQuery,
  Me,
  PasswordChange,
} from './schema.ts';

/** Answers that bear a secret must not stay in any cache. */
const NO_STORE = 'no-store';

interface Options {
  readonly login: Login;
  readonly keys: ApiKeyService;
  readonly permissions: Permissions;
}

export const authRoutes = ({ login, keys, permissions }: Options) =>
  new Elysia({ name: 'auth', prefix: '/api/auth', tags: ['auth'] })
    .use(accessControl)
    .post(
      '/login',
      ({ request, body, set }) => {
        set.headers['cache-control'] = NO_STORE;
        return login.logIn(actorOf(request), contextOf(request).address, body);
      },
      {
        access: 'public',
        body: LoginInput,
        response: { 200: LoginAnswer },
        detail: {
          operationId: 'login',
          summary: 'Log in',
          description:
            'Gives an access token for `Authorization: Bearer …`. Attempts are limited by user name and by ' +
            'client address (429). A wrong name and a wrong password are answered alike (401).',
          'x-refusals': { 401: 'User name or password is wrong.' },
        },
      },
    )
    .get(
      '/me',
      ({ request }) => {
        const { id, username, email, role } = principalOf(request);
        return { user_id: id, username, email, role, permissions: permissions.of(role) };
      },
      {
        access: 'authenticated',
        response: { 200: Me },
        detail: {
          operationId: 'getMe',
          summary: 'Who am I',
          description: 'The user behind the token or key of this request, and what they may do.',
        },
      },
    )
    .post(
      '/keys',
      async ({ request, body, set }) => {
        const created = await keys.createOwn(actorOf(request), principalOf(request), body);
        set.status = 201;
        set.headers['cache-control'] = NO_STORE;
        return created;
      },
      {
        access: 'keys:own',
        body: ApiKeyInput,
        response: { 201: ApiKeyCreated },
        detail: {
          tags: ['account'],
          operationId: 'createApiKey',
          summary: 'Make an API key',
          description:
            'For `X-API-Key`. The key itself is shown this once. It has the role of its maker unless a lower one is ' +
            'given, and never does more than its owner may at the moment of use. Needs an access token.',
          'x-refusals': {
            403: 'An API key cannot make API keys: log in and use the access token.',
            409: 'A user has at most 100 API keys: delete one first.',
          },
        },
      },
    )
    .get('/keys', async ({ request }) => ({ keys: await keys.listOwn(principalOf(request)) }), {
      access: 'keys:own',
      response: { 200: ApiKeyList },
      detail: {
        tags: ['account'],
        operationId: 'listApiKeys',
        summary: 'List my API keys',
        description: 'Oldest first, without the keys themselves.',
        'x-refusals': { 403: 'API keys belong to users, and authentication is switched off.' },
      },
    })
    .delete(
      '/keys/:key_id',
      async ({ request, params, status }) => {
        await keys.revokeOwn(actorOf(request), principalOf(request), params.key_id);
        return status(204, undefined);
      },
      {
        access: 'keys:own',
        params: ApiKeyId,
        response: { 204: done('The key is refused from now on.') },
        detail: {
          tags: ['account'],
          operationId: 'deleteApiKey',
          summary: 'Delete one of my API keys',
          description: 'Every worker refuses the key within a second.',
          'x-refusals': { 403: 'An API key can delete itself only.' },
        },
      },
    )
    .post(
      '/password',
      async ({ request, body, status }) => {
        await login.changePassword(actorOf(request), principalOf(request), contextOf(request).address, body);
        return status(204, undefined);
      },
      {
        access: 'authenticated',
        body: PasswordChange,
        response: { 204: done('The password is changed; all access tokens of the user are ended.') },
        detail: {
          tags: ['account'],
          operationId: 'changePassword',
          summary: 'Change my password',
          description:
            'Needs the current password and ends all access tokens of the user, this one included: log in again. ' +
            'API keys stay. Attempts are limited as log-ins are.',
          'x-refusals': { 403: 'Nobody is logged in: authentication is disabled.' },
        },
      },
    )
    .post(
      '/logout',
      async ({ request, query, status }) => {
        await login.logOut(actorOf(request), principalOf(request), query.everywhere);
        return status(204, undefined);
      },
      {
        access: 'authenticated',
        query: LogoutQuery,
        response: { 204: done('The token is ended: log in again.') },
        detail: {
          tags: ['account'],
          operationId: 'logout',
          summary: 'Log out',
          description:
            'Ends the access token of this request, or with `everywhere=true` all tokens of the user, on every worker ' +
            'within a second. A request with an API key is answered with 409: delete the key instead.',
          'x-refusals': { 409: 'The request has no access token.' },
        },
      },
    );

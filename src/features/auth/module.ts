/** Users, log-in, tokens and API keys. */
import { Elysia } from 'elysia';
import { defineModule } from '@/platform/module/module.ts';
import { Authenticator } from './authenticator.ts';
import { AuthChanges } from './changes.ts';
import { authSection } from './config.ts';
import { AuthFailures } from './failures.ts';
import { ApiKeyService } from './keys.ts';
import { Login } from './login.ts';
import { authTables } from './migrations/2026_11_24_auth.ts';
import { Passwords } from './passwords.ts';
import { authRoutes } from './routes.ts';
import { LoginThrottle } from './throttle.ts';
import { Tokens } from './tokens.ts';
import { UserService } from './users.ts';
import { userRoutes } from './users_routes.ts';

declare module '@/platform/module/module.ts' {
  interface Services {
    users: UserService;
    apiKeys: ApiKeyService;
    authenticator: Authenticator;
  }
}

declare module '@/platform/identity/permissions.ts' {
  interface PermissionNames {
    'keys:own': true;
    'users:manage': true;
  }
}

export const authModule = defineModule({
  name: 'auth',
  tags: [
    { name: 'auth', order: 10, description: 'Start here: log in, and see who you are.' },
    { name: 'users', order: 60, description: 'Users and their roles.' },
    { name: 'account', order: 100, description: 'Your own API keys and password, and log-out.' },
  ],
  config: authSection,
  permissions: { 'keys:own': 'viewer', 'users:manage': 'admin' },
  migrations: [authTables],
  needs: ['audit'],
  provides: ['users', 'apiKeys', 'authenticator'],
  open({ db, config, redis, buckets, metrics, log, secrets, permissions }, { audit }) {
    const changes = new AuthChanges(redis);
    const failures = new AuthFailures(metrics);
    const passwords = new Passwords();
    const tokens = new Tokens({ secrets: secrets.jwtSecrets, config });
    const users = new UserService({ db, audit, config, passwords, changes });
    const apiKeys = new ApiKeyService({ db, audit, changes });
    const authenticator = new Authenticator({ db, tokens, changes, failures, log });
    const throttle = new LoginThrottle({ buckets, redis, config });
    const login = new Login({ db, audit, passwords, tokens, throttle, users, changes, failures });
    return {
      services: { users, apiKeys, authenticator },
      extends: { cleanup: [{ name: 'revoked tokens', run: (signal) => login.prune(signal) }] },
      routes: () =>
        new Elysia().use(authRoutes({ login, keys: apiKeys, permissions })).use(userRoutes({ users })),
      close: async () => {
        changes.close();
        await authenticator.settle();
      },
    };
  },
});

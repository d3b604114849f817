/**
 * Whatever proves a password: log-in and password change, throttled alike, refused with one answer that takes the
 * same time whether the user exists, is deactivated or mistyped. And log-out, which ends one token or all.
 */

import type { AuditLog } from '@/features/audit/service.ts';
import { inBatches } from '@/platform/db/batches.ts';
import type { Database } from '@/platform/db/database.ts';
import {
  Conflict,
  Forbidden,
  InvalidRequest,
  TooManyRequests,
  Unauthorized,
} from '@/platform/errors/problem.ts';
import type { Actor, Principal } from '@/platform/identity/principal.ts';
import { now } from '@/platform/time/clock.ts';
import type { AuthChanges } from './changes.ts';
import { deleteEndedRevocations, revokeToken } from './credentials_store.ts';
import type { AuthFailures } from './failures.ts';
import type { Passwords } from './passwords.ts';
import type { LoginAnswer, LoginInput, PasswordChange } from './schema.ts';
import type { LoginThrottle } from './throttle.ts';
import type { Tokens } from './tokens.ts';
import type { UserService } from './users.ts';
import { findUserByName, type UserRow, usernameKey } from './users_store.ts';

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly throttle: LoginThrottle;
  readonly users: UserService;
  readonly changes: AuthChanges;
  readonly failures: AuthFailures;
}

/** The action of the audit event of an attempt. */
type Attempt = 'auth.login' | 'user.password_changed';

export class Login {
  constructor(private readonly options: Options) {}

  /** Throws 401, or 429 after too many attempts. */
  async logIn(actor: Actor, address: string, input: LoginInput): Promise<LoginAnswer> {
    const { audit, tokens } = this.options;
    const user = await this.prove(actor, 'auth.login', address, input);
    if (!user) throw new Unauthorized('User name or password is wrong.');
    const issued = await tokens.issue({ id: user.id, generation: user.token_generation });
    await audit.recordAlone({
      actor: { ...actor, type: 'user', id: user.id, name: user.username },
      action: 'auth.login',
      target: { type: 'user', id: user.id },
      details: { jti: issued.jti },
    });
    return {
      access_token: issued.token,
      token_type: 'bearer',
      expires_in: issued.expiresIn,
      user_id: user.id,
      username: user.username,
      role: user.role,
    };
  }

  /** Ends the token of this request, or all tokens of its user. Throws 409 for a request without a token. */
  async logOut(actor: Actor, principal: Principal, everywhere: boolean): Promise<void> {
    const { db, audit, changes, users } = this.options;
    const { id: userId, credentialId: jti, expiresAt } = principal;
    if (principal.via !== 'jwt' || userId === null || jti === null || expiresAt === null) {
      throw new Conflict('Only an access token can be logged out; an API key is ended by deleting it.');
    }
    if (everywhere) {
      await users.endTokens(actor, userId);
      return;
    }
    await db.write(async (trx) => {
      await revokeToken(trx, { jti, userId, expiresAt: expiresAt * 1000 });
      await audit.record(trx, {
        actor,
        action: 'auth.logout',
        target: { type: 'user', id: userId },
        details: { jti },
      });
    });
    changes.announce(userId);
  }

  /** Removes revocations of tokens that have ended by themselves; returns how many. */
  prune(signal?: AbortSignal): Promise<number> {
    const time = now();
    return inBatches(this.options.db, (trx, most) => deleteEndedRevocations(trx, time, most), signal);
  }

  /** Throws 422 when the current password is wrong, or the new one may not be chosen. Ends all tokens. */
  async changePassword(
    actor: Actor,
    principal: Principal,
    address: string,
    input: PasswordChange,
  ): Promise<void> {
    if (principal.id === null) throw new Forbidden('Nobody is logged in: authentication is disabled.');
    const attempt = { username: principal.username, password: input.current_password };
    const user = await this.prove(actor, 'user.password_changed', address, attempt);
    if (!user || user.id !== principal.id) {
      const message = 'is wrong';
      throw new InvalidRequest('The current password is wrong.', {
        errors: [{ in: 'body', path: '/current_password', message }],
      });
    }
    await this.options.users.setPassword(actor, user.id, input.new_password, '/new_password');
  }

  /** The active user whose password this is, else null; a bad attempt is counted and audited. */
  private async prove(
    actor: Actor,
    action: Attempt,
    address: string,
    { username, password }: LoginInput,
  ): Promise<UserRow | null> {
    const { db, throttle, passwords, failures, audit } = this.options;
    try {
      await throttle.attempt(usernameKey(username), address);
    } catch (error) {
      if (!(error instanceof TooManyRequests)) throw error;
      failures.count('throttled');
      if (await throttle.worthNoting(address)) {
        await audit.recordAlone({ actor, action, outcome: 'denied', details: { reason: 'throttled' } });
      }
      throw error;
    }
    const user = await findUserByName(db.read, username);
    const matches = await passwords.verify(password, user?.password_hash ?? null);
    if (user && matches && user.active === 1) {
      await throttle.succeeded(user.username_key, address);
      return user;
    }
    const reason = user && matches ? 'inactive_user' : 'bad_password';
    failures.count(reason);
    // The name that was tried is not written down: people type passwords into that field.
    await audit.recordAlone({
      actor,
      action,
      outcome: 'failure',
      details: { reason: user ? reason : 'unknown_user' },
      ...(user && { target: { type: 'user', id: user.id } }),
    });
    return null;
  }
}

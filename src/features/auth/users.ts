/**
 * Users and their administration. The last active admin can neither be deactivated nor lose the role. Whatever
 * changes what a user may do takes effect on tokens and keys that are out already.
 */

import { Value } from '@sinclair/typebox/value';
import type { AuditLog } from '@/features/audit/service.ts';
import type { Config, LiveConfig } from '@/platform/config/schema.ts';
import type { Database, Transaction } from '@/platform/db/database.ts';
import { CommandFailure, Conflict, InvalidRequest, NotFound } from '@/platform/errors/problem.ts';
import { type Actor, systemActor } from '@/platform/identity/principal.ts';
import type { Role } from '@/platform/identity/roles.ts';
import { worded } from '@/platform/schema/words.ts';
import { iso, newId, now } from '@/platform/time/clock.ts';
import type { AuthChanges } from './changes.ts';
import { type Passwords, passwordFault, requireAcceptable } from './passwords.ts';
import { type User, UserInput, type UserPage, type UserQuery } from './schema.ts';
import {
  countUsers,
  findUser,
  findUserByName,
  insertUser,
  lockActiveAdmins,
  lockUser,
  pageOfUsers,
  type UserRow,
  updateUser,
  usernameKey,
} from './users_store.ts';

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly config: LiveConfig;
  readonly passwords: Passwords;
  readonly changes: AuthChanges;
}

const FIRST_ADMIN = 'admin';

/** What is wrong with AO_ADMIN_PASSWORD, in words; null when nothing is. */
export const firstPasswordFault = (password: string, { auth }: Config): string | null =>
  passwordFault(password, FIRST_ADMIN, auth.password_min_length);

const SYSTEM = systemActor('server');

const toUser = (row: UserRow): User => ({
  user_id: row.id,
  username: row.username,
  email: row.email,
  role: row.role,
  active: row.active === 1,
  created_at: iso(row.created_at),
  updated_at: iso(row.updated_at),
});

const newRow = (input: Omit<UserInput, 'password'>, passwordHash: string): UserRow => {
  const time = now();
  return {
    id: newId(),
    username: input.username,
    username_key: usernameKey(input.username),
    email: input.email?.trim().toLowerCase() || null,
    password_hash: passwordHash,
    role: input.role,
    active: 1,
    token_generation: time,
    created_at: time,
    updated_at: time,
  };
};

/** Always another than before, also within one millisecond. */
const nextGeneration = (row: UserRow): number => Math.max(now(), row.token_generation + 1);

/** The 404 of a user that is not there. */
export const userNotFound = (idOrName: string): NotFound => new NotFound(`There is no user ${idOrName}.`);

/** The command line comes here without having passed the schema of a route. */
function requireWellFormed(input: UserInput): void {
  const fault = Value.Errors(UserInput, input).First();
  if (!fault) return;
  const message = worded(fault);
  throw new InvalidRequest(`${fault.path.slice(1)}: ${message}.`, {
    errors: [{ in: 'body', path: fault.path, message }],
  });
}

export class UserService {
  constructor(private readonly options: Options) {}

  /** Throws 409 when the name is taken (upper and lower case are one), 422 for a bad password. */
  async create(actor: Actor, input: UserInput): Promise<User> {
    requireWellFormed(input);
    this.requireAcceptable(input.password, input.username, '/password');
    const row = newRow(input, await this.options.passwords.hash(input.password));
    await this.options.db.write(async (trx) => {
      if (!(await insertUser(trx, row))) throw new Conflict(`The user name ${input.username} is taken.`);
      await this.record(trx, actor, 'user.created', row.id, { role: row.role });
    });
    return toUser(row);
  }

  async list(query: UserQuery): Promise<UserPage> {
    const { read } = this.options.db;
    const total = await countUsers(read, query);
    const rows = total > query.skip ? await pageOfUsers(read, query, query.skip, query.limit) : [];
    return { total, skip: query.skip, limit: query.limit, users: rows.map(toUser) };
  }

  async get(id: string): Promise<User | null> {
    const row = await findUser(this.options.db.read, id);
    return row && toUser(row);
  }

  /** By name, upper or lower case. */
  async findByName(username: string): Promise<User | null> {
    const row = await findUserByName(this.options.db.read, username);
    return row && toUser(row);
  }

  setRole(actor: Actor, id: string, role: Role): Promise<User> {
    return this.change(actor, id, 'user.role_changed', (row) =>
      row.role === role ? null : { change: { role }, details: { from: row.role, to: role } },
    );
  }

  /** Ends the user's tokens for good and suspends their API keys. */
  deactivate(actor: Actor, id: string): Promise<User> {
    return this.change(actor, id, 'user.deactivated', (row) =>
      row.active === 0 ? null : { change: { active: 0, token_generation: nextGeneration(row) } },
    );
  }

  activate(actor: Actor, id: string): Promise<User> {
    return this.change(actor, id, 'user.activated', (row) =>
      row.active === 1 ? null : { change: { active: 1 } },
    );
  }

  /** Sets a new password and ends every token of the user. API keys stay. `path` is where a 422 points to. */
  async setPassword(actor: Actor, id: string, password: string, path = '/password'): Promise<User> {
    const user = await this.get(id);
    if (!user) throw userNotFound(id);
    this.requireAcceptable(password, user.username, path);
    const passwordHash = await this.options.passwords.hash(password);
    return this.change(actor, id, 'user.password_changed', (row) => ({
      change: { password_hash: passwordHash, token_generation: nextGeneration(row) },
    }));
  }

  /** Ends every token of the user. API keys stay. */
  endTokens(actor: Actor, id: string): Promise<User> {
    return this.change(actor, id, 'auth.logout', (row) => ({
      change: { token_generation: nextGeneration(row) },
      details: { everywhere: true },
    }));
  }

  /**
   * On a database without users: makes the user `admin`. Without a password a random one is made, to be shown
   * once. Throws `CommandFailure` for a password that may not be chosen.
   */
  async ensureFirstAdmin(password?: string): Promise<{ created: boolean; generatedPassword?: string }> {
    const { db, passwords, config } = this.options;
    if ((await countUsers(db.read)) > 0) return { created: false };
    const generated = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString('base64url');
    if (password !== undefined) {
      const fault = firstPasswordFault(password, config.current);
      if (fault) throw new CommandFailure(`AO_ADMIN_PASSWORD ${fault}.`, 2);
    }
    const row = newRow({ username: FIRST_ADMIN, role: 'admin' }, await passwords.hash(password ?? generated));
    const created = await db.write(async (trx) => {
      // Another server may have been first on a shared database.
      if ((await countUsers(trx)) > 0 || !(await insertUser(trx, row))) return false;
      await this.record(trx, SYSTEM, 'user.created', row.id, { role: row.role, first_admin: true });
      return true;
    });
    return created && password === undefined ? { created, generatedPassword: generated } : { created };
  }

  /** Applies what `decide` says under a lock; null from it means that nothing changes. */
  private async change(
    actor: Actor,
    id: string,
    action: string,
    decide: (row: UserRow) => {
      change: Partial<Pick<UserRow, 'role' | 'active' | 'password_hash' | 'token_generation'>>;
      details?: Record<string, unknown>;
    } | null,
  ): Promise<User> {
    const { db, changes } = this.options;
    const result = await db.write(async (trx) => {
      const admins = await lockActiveAdmins(trx);
      const row = await lockUser(trx, id);
      if (!row) throw userNotFound(id);
      const decision = decide(row);
      if (!decision) return row;
      const after = { ...row, ...decision.change, updated_at: now() };
      const staysAdmin = after.role === 'admin' && after.active === 1;
      if (!staysAdmin && admins.length === 1 && admins[0] === id) {
        throw new Conflict(`${row.username} is the last active admin: make another user admin first.`);
      }
      await updateUser(trx, id, { ...decision.change, updated_at: after.updated_at });
      await this.record(trx, actor, action, id, decision.details);
      return after;
    });
    changes.announce(id);
    return toUser(result);
  }

  private requireAcceptable(password: string, username: string, path: string): void {
    requireAcceptable(password, username, this.options.config.current.auth.password_min_length, path);
  }

  private record(
    trx: Transaction,
    actor: Actor,
    action: string,
    id: string,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    return this.options.audit.record(trx, { actor, action, target: { type: 'user', id }, details });
  }
}

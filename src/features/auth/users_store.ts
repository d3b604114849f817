/** Queries of users. */

import type { Selectable } from 'kysely';
import type { UsersTable } from '@/features/auth/tables.ts';
import type { Reader, Transaction } from '@/platform/db/database.ts';
import type { Role } from '@/platform/identity/roles.ts';

export type UserRow = Selectable<UsersTable>;

export interface UserFilter {
  readonly role?: Role | undefined;
  readonly active?: boolean | undefined;
}

/** The form of a user name that is unique. */
export const usernameKey = (username: string): string => username.toLowerCase();

export async function findUser(db: Reader, id: string): Promise<UserRow | null> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
  return row ?? null;
}

export async function findUserByName(db: Reader, username: string): Promise<UserRow | null> {
  const query = db.selectFrom('users').selectAll().where('username_key', '=', usernameKey(username));
  return (await query.executeTakeFirst()) ?? null;
}

/** As `findUser`, but no other transaction can change the row until this one ends. */
export async function lockUser(trx: Transaction, id: string): Promise<UserRow | null> {
  const query = trx.selectFrom('users').selectAll().where('id', '=', id).forUpdate();
  const row = await query.executeTakeFirst();
  return row ?? null;
}

/**
 * Ids of all active admins, held until the transaction ends: of two that demote each other the second sees what
 * the first has done.
 */
export async function lockActiveAdmins(trx: Transaction): Promise<string[]> {
  const rows = await trx
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'admin')
    .where('active', '=', 1)
    .orderBy('id')
    .forUpdate()
    .execute();
  return rows.map((row) => row.id);
}

/** False when the name is taken. */
export async function insertUser(trx: Transaction, row: UserRow): Promise<boolean> {
  const result = await trx
    .insertInto('users')
    .values(row)
    .onConflict((conflict) => conflict.column('username_key').doNothing())
    .executeTakeFirst();
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0;
}

export async function updateUser(
  trx: Transaction,
  id: string,
  change: Partial<Pick<UserRow, 'role' | 'active' | 'password_hash' | 'token_generation' | 'updated_at'>>,
): Promise<void> {
  await trx.updateTable('users').set(change).where('id', '=', id).execute();
}

const filtered = (db: Reader, filter: UserFilter) => {
  let query = db.selectFrom('users');
  if (filter.role !== undefined) query = query.where('role', '=', filter.role);
  if (filter.active !== undefined) query = query.where('active', '=', filter.active ? 1 : 0);
  return query;
};

export async function countUsers(db: Reader, filter: UserFilter = {}): Promise<number> {
  const row = await filtered(db, filter).select(db.fn.countAll<number>().as('n')).executeTakeFirstOrThrow();
  return Number(row.n);
}

/** Oldest first. */
export async function pageOfUsers(
  db: Reader,
  filter: UserFilter,
  skip: number,
  limit: number,
): Promise<UserRow[]> {
  return filtered(db, filter).selectAll().orderBy('id').offset(skip).limit(limit).execute();
}

/** What the authenticator asks the database, compiled once; and the list of revoked tokens. */

import type { Reader, Transaction } from '@/platform/db/database.ts';
import { prepareRead } from '@/platform/db/prepared.ts';
import type { Role } from '@/platform/identity/roles.ts';

/** A user as far as it matters whether they may act. */
interface Standing {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly role: Role;
  readonly active: 0 | 1;
}

export interface TokenStanding extends Standing {
  readonly token_generation: number;
  /** Null unless this token was revoked. */
  readonly revoked_jti: string | null;
}

export interface KeyStanding extends Standing {
  readonly key_id: string;
  readonly key_role: Role;
  readonly expires_at: number | null;
  readonly last_used_at: number | null;
  readonly revoked_at: number | null;
}

const selectTokenStanding = prepareRead<{ jti: string; user_id: string }, TokenStanding>((db, param) =>
  db
    .selectFrom('users')
    .leftJoin('revoked_tokens', (join) => join.on('revoked_tokens.jti', '=', param('jti')))
    .select([
      'users.id',
      'users.username',
      'users.email',
      'users.role',
      'users.active',
      'users.token_generation',
      'revoked_tokens.jti as revoked_jti',
    ])
    .where('users.id', '=', param('user_id')),
);

export async function tokenStanding(db: Reader, userId: string, jti: string): Promise<TokenStanding | null> {
  const [row] = await selectTokenStanding(db, { user_id: userId, jti });
  return row ?? null;
}

const selectKeyStanding = prepareRead<{ key_hash: string }, KeyStanding>((db, param) =>
  db
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .select([
      'users.id',
      'users.username',
      'users.email',
      'users.role',
      'users.active',
      'api_keys.id as key_id',
      'api_keys.role as key_role',
      'api_keys.expires_at',
      'api_keys.last_used_at',
      'api_keys.revoked_at',
    ])
    .where('api_keys.key_hash', '=', param('key_hash')),
);

export async function keyStanding(db: Reader, keyHash: string): Promise<KeyStanding | null> {
  const [row] = await selectKeyStanding(db, { key_hash: keyHash });
  return row ?? null;
}

/** Notes a use, unless another worker has noted one after `unlessAfter`. */
export async function noteKeyUse(
  trx: Transaction,
  id: string,
  time: number,
  unlessAfter: number,
): Promise<void> {
  await trx
    .updateTable('api_keys')
    .set({ last_used_at: time })
    .where('id', '=', id)
    .where((is) => is.or([is('last_used_at', 'is', null), is('last_used_at', '<=', unlessAfter)]))
    .execute();
}

/** Until `expiresAt` (epoch milliseconds): afterwards the token is dead by itself. */
export async function revokeToken(
  trx: Transaction,
  token: { readonly jti: string; readonly userId: string; readonly expiresAt: number },
): Promise<void> {
  await trx
    .insertInto('revoked_tokens')
    .values({ jti: token.jti, user_id: token.userId, expires_at: token.expiresAt })
    .onConflict((conflict) => conflict.column('jti').doNothing())
    .execute();
}

/** Removes some revocations of tokens that have ended anyway; returns how many. */
export async function deleteEndedRevocations(trx: Transaction, time: number, most: number): Promise<number> {
  const result = await trx
    .deleteFrom('revoked_tokens')
    .where('jti', 'in', (from) =>
      from.selectFrom('revoked_tokens').select('jti').where('expires_at', '<=', time).limit(most),
    )
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** API keys: made by their owner, shown once, never stronger than their owner is at the moment of use. */

import type { AuditLog } from '@/features/audit/service.ts';
import type { Database } from '@/platform/db/database.ts';
import { Conflict, Forbidden, NotFound } from '@/platform/errors/problem.ts';
import type { Actor, Principal } from '@/platform/identity/principal.ts';
import type { Role } from '@/platform/identity/roles.ts';
import { iso, newId, now } from '@/platform/time/clock.ts';
import { lowerRole } from './authenticator.ts';
import type { AuthChanges } from './changes.ts';
import { hashOfKey, newKeyText, shownPart } from './key_text.ts';
import { countLiveKeys, insertKey, liveKeys, type OwnedKeyRow, revokeKey } from './keys_store.ts';
import type { ApiKey, ApiKeyCreated, ApiKeyInput } from './schema.ts';

const MAX_KEYS_PER_USER = 100;
const DAY_MS = 86_400_000;

/** For whom a key is made, and the role that the maker has now. */
export interface KeyOwner {
  readonly id: string;
  readonly role: Role;
}

/** A key as an administrator sees it at the command line. */
export interface OwnedApiKey extends ApiKey {
  readonly user_id: string;
  readonly username: string;
}

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly changes: AuthChanges;
}

const toKey = (row: OwnedKeyRow): ApiKey => ({
  key_id: row.id,
  name: row.name,
  prefix: row.prefix,
  role: row.role,
  created_at: iso(row.created_at),
  expires_at: iso(row.expires_at),
  last_used_at: iso(row.last_used_at),
});

function ownerId(principal: Principal): string {
  if (principal.id !== null) return principal.id;
  throw new Forbidden('API keys belong to users, and authentication is switched off (auth.enabled).');
}

export class ApiKeyService {
  constructor(private readonly options: Options) {}

  /** For whoever makes the request, with at most their role. Throws 403 for a request with an API key: keys make no keys. */
  createOwn(actor: Actor, principal: Principal, input: ApiKeyInput): Promise<ApiKeyCreated> {
    if (principal.via === 'api_key') {
      throw new Forbidden('An API key cannot make API keys: log in and use the access token.');
    }
    return this.create(actor, { id: ownerId(principal), role: principal.role }, input);
  }

  /** The only moment at which the key itself can be seen. Throws 403 for a role above the owner's. */
  async create(actor: Actor, owner: KeyOwner, input: ApiKeyInput): Promise<ApiKeyCreated> {
    const role = input.role ?? owner.role;
    if (lowerRole(role, owner.role) !== role) {
      throw new Forbidden(`A key of role ${role} is more than the role ${owner.role} may make.`);
    }
    const text = newKeyText();
    const time = now();
    const expiresAt = input.expires_in_days ? time + input.expires_in_days * DAY_MS : null;
    const row = {
      id: newId(),
      user_id: owner.id,
      name: input.name,
      key_hash: hashOfKey(text),
      prefix: shownPart(text),
      role,
      created_at: time,
      expires_at: expiresAt,
      last_used_at: null,
      revoked_at: null,
    };
    await this.options.db.write(async (trx) => {
      if ((await countLiveKeys(trx, owner.id)) >= MAX_KEYS_PER_USER) {
        throw new Conflict(`A user has at most ${MAX_KEYS_PER_USER} API keys: delete one first.`);
      }
      await insertKey(trx, row);
      await this.options.audit.record(trx, {
        actor,
        action: 'api_key.created',
        target: { type: 'api_key', id: row.id },
        details: { user_id: owner.id, role, expires: expiresAt !== null },
      });
    });
    return {
      key_id: row.id,
      api_key: text,
      name: row.name,
      role,
      created_at: iso(time),
      expires_at: iso(expiresAt),
    };
  }

  /** The keys of the maker of a request that were not deleted, oldest first. */
  async listOwn(principal: Principal): Promise<ApiKey[]> {
    return (await liveKeys(this.options.db.read, ownerId(principal))).map(toKey);
  }

  /** The keys of all users, with their owners. */
  async listAll(): Promise<OwnedApiKey[]> {
    const rows = await liveKeys(this.options.db.read, null);
    return rows.map((row) => ({ ...toKey(row), user_id: row.user_id, username: row.username }));
  }

  /**
   * Ends a key of the maker of a request; an API key can end itself and no other, or a leaked key of little power would
   * end all of its owner's. Throws 404 when there is no such key.
   */
  async revokeOwn(actor: Actor, principal: Principal, keyId: string): Promise<void> {
    if (principal.via === 'api_key' && principal.credentialId !== keyId) {
      throw new Forbidden('An API key can delete itself only: log in and use the access token.');
    }
    return this.revoke(actor, keyId, ownerId(principal));
  }

  /** Ends a key of `userId`; of anybody for null (command line). Throws 404 when there is none. */
  async revoke(actor: Actor, keyId: string, userId: string | null): Promise<void> {
    const ownerId = await this.options.db.write(async (trx) => {
      const revoked = await revokeKey(trx, keyId, userId, now());
      if (revoked === null) throw new NotFound(`There is no API key ${keyId}.`);
      await this.options.audit.record(trx, {
        actor,
        action: 'api_key.revoked',
        target: { type: 'api_key', id: keyId },
        details: { user_id: revoked },
      });
      return revoked;
    });
    this.options.changes.announce(ownerId);
  }
}

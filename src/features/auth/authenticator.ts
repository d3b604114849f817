/**
 * From credentials to a principal. The database says whether a token or key is still good; this process believes
 * what it said for half a second, so that log-out, deactivation and a changed role reach every worker within
 * a second even when nothing else tells them (`AuthChanges` does, at once, while Redis is there).
 */

import type { Database } from '@/platform/db/database.ts';
import { messageOf, Unauthorized } from '@/platform/errors/problem.ts';
import type { Principal } from '@/platform/identity/principal.ts';
import { ROLES, type Role } from '@/platform/identity/roles.ts';
import type { Logger } from '@/platform/log/log.ts';
import { now } from '@/platform/time/clock.ts';
import type { AuthChanges } from './changes.ts';
import { CredentialCache, type Standing } from './credential_cache.ts';
import { keyStanding, noteKeyUse, tokenStanding } from './credentials_store.ts';
import type { AuthFailure, AuthFailures } from './failures.ts';
import { hashOfKey, looksLikeKey } from './key_text.ts';
import type { Claims, Tokens } from './tokens.ts';

/** Everybody, while `auth.enabled` is false. */
export const ANONYMOUS_OPERATOR: Principal = {
  id: null,
  username: 'anonymous',
  email: null,
  role: 'operator',
  via: 'disabled',
  credentialId: null,
  expiresAt: null,
};

const FRESH_MS = 500;
const USE_NOTED_EVERY_MS = 60_000;
const MAX_HEADER_LENGTH = 4096;
const BEARER = /^bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i;

export interface Credentials {
  /** The `Authorization` header. It goes before the key when both are there. */
  readonly authorization: string | null;
  /** The `X-API-Key` header. */
  readonly apiKey: string | null;
}

interface Options {
  readonly db: Database;
  readonly tokens: Tokens;
  readonly changes: AuthChanges;
  readonly failures: AuthFailures;
  readonly log: Logger;
}

/** The role with fewer rights of the two: a key never does more than its owner may. */
export const lowerRole = (a: Role, b: Role): Role => (ROLES.indexOf(a) > ROLES.indexOf(b) ? a : b);

export class Authenticator {
  private readonly tokens = new CredentialCache();
  private readonly keys = new CredentialCache();
  private readonly notes = new Set<Promise<void>>();
  /** Claims of verified tokens: kept with the entry, so that a second look costs no second signature. */
  private readonly claims = new WeakMap<Principal, Claims>();

  constructor(private readonly options: Options) {
    options.changes.listen((userId) => {
      this.tokens.forgetUser(userId);
      this.keys.forgetUser(userId);
    });
  }

  /** Null when there are no credentials; throws `Unauthorized` for bad ones. */
  async authenticate({ authorization, apiKey }: Credentials): Promise<Principal | null> {
    const time = now();
    if (authorization !== null) {
      return this.tokens.fresh(authorization, time, FRESH_MS) ?? this.lookAtToken(authorization, time);
    }
    if (apiKey !== null) {
      return this.keys.fresh(apiKey, time, FRESH_MS) ?? this.lookAtKey(apiKey, time);
    }
    return null;
  }

  /** Waits until uses of keys that are being noted are stored. */
  async settle(): Promise<void> {
    await Promise.all(this.notes);
  }

  private async lookAtToken(header: string, time: number): Promise<Principal> {
    const { principal } = await this.tokens.look(header, time, async () => {
      const claims = this.knownClaims(header, time) ?? (await this.verify(header));
      const row = await tokenStanding(this.options.db.read, claims.userId, claims.jti);
      if (!row || row.active === 0) throw this.refusal('inactive_user', ENDED);
      if (row.revoked_jti !== null || row.token_generation !== claims.generation) {
        throw this.refusal('revoked_token', ENDED);
      }
      const standing: Standing = {
        principal: {
          id: row.id,
          username: row.username,
          email: row.email,
          role: row.role,
          via: 'jwt',
          credentialId: claims.jti,
          expiresAt: claims.expiresAt,
        },
        endsAt: claims.expiresAt * 1000,
      };
      this.claims.set(standing.principal, claims);
      return standing;
    });
    return principal;
  }

  private knownClaims(header: string, time: number): Claims | null {
    const entry = this.tokens.known(header);
    return entry && time < entry.endsAt ? (this.claims.get(entry.principal) ?? null) : null;
  }

  private async verify(header: string): Promise<Claims> {
    const token = header.length <= MAX_HEADER_LENGTH ? BEARER.exec(header)?.[1] : undefined;
    if (token === undefined) {
      if (/^bearer\b/i.test(header)) throw this.refusal('invalid_token', ENDED);
      throw this.refusal('unsupported_scheme', 'Send "Authorization: Bearer <access token>".');
    }
    const claims = await this.options.tokens.verify(token);
    if (!claims) throw this.refusal('invalid_token', ENDED);
    return claims;
  }

  private async lookAtKey(text: string, time: number): Promise<Principal> {
    if (!looksLikeKey(text)) throw this.refusal('invalid_api_key', BAD_KEY);
    const { principal } = await this.keys.look(text, time, async () => {
      const row = await keyStanding(this.options.db.read, hashOfKey(text));
      if (!row || row.revoked_at !== null) throw this.refusal('invalid_api_key', BAD_KEY);
      if (row.expires_at !== null && row.expires_at <= time) throw this.refusal('expired_api_key', BAD_KEY);
      if (row.active === 0) throw this.refusal('inactive_user', BAD_KEY);
      if (row.last_used_at === null || time - row.last_used_at >= USE_NOTED_EVERY_MS) {
        this.noteUse(row.key_id, time);
      }
      return {
        principal: {
          id: row.id,
          username: row.username,
          email: row.email,
          role: lowerRole(row.key_role, row.role),
          via: 'api_key',
          credentialId: row.key_id,
          expiresAt: row.expires_at === null ? null : Math.floor(row.expires_at / 1000),
        },
        endsAt: row.expires_at ?? Number.POSITIVE_INFINITY,
      };
    });
    return principal;
  }

  /** Beside the request, not before its answer: the moment of use is of interest, not of weight. */
  private noteUse(keyId: string, time: number): void {
    const { db, log } = this.options;
    const note = db
      .write((trx) => noteKeyUse(trx, keyId, time, time - USE_NOTED_EVERY_MS))
      .catch((error: unknown) =>
        log.warn('use of an API key not noted', { key_id: keyId, error: messageOf(error) }),
      )
      .finally(() => this.notes.delete(note));
    this.notes.add(note);
  }

  private refusal(reason: AuthFailure, detail: string): Unauthorized {
    this.options.failures.count(reason);
    return new Unauthorized(detail, 'invalid_token');
  }
}

/** One answer for every fault, so that it tells nothing about users. */
const ENDED = 'The access token is not valid: it is malformed, has expired or was revoked. Log in again.';
const BAD_KEY = 'The API key is not valid: it is unknown, has expired or was revoked.';

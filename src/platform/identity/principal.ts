/** Who makes a request, and who caused a change: the same person, as admission and as the audit log see them. */
import type { Role } from './roles.ts';

/** Who makes a request. `id` is null only for the anonymous operator of `auth.enabled: false`. */
export interface Principal {
  readonly id: string | null;
  readonly username: string;
  readonly email: string | null;
  readonly role: Role;
  /** How they proved it. */
  readonly via: 'jwt' | 'api_key' | 'disabled';
  /** The API key, or the token's `jti`. */
  readonly credentialId: string | null;
  /** Seconds since the epoch at which the token or key ends, if it does. */
  readonly expiresAt: number | null;
}

/** Who caused a change, as the audit log wants it. Services take it as their first argument. */
export interface Actor {
  readonly type: 'user' | 'anonymous' | 'system' | 'cli';
  readonly id: string | null;
  readonly name: string | null;
  readonly requestId: string | null;
  readonly address: string | null;
}

/** The server itself, or one of its parts, as the cause of a change. */
export const systemActor = (name: string, id: string | null = null): Actor => ({
  type: 'system',
  id,
  name,
  requestId: null,
  address: null,
});

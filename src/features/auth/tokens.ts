/**
 * Access tokens: JWTs signed and verified through @elysiajs/jwt with HS256 and nothing else, for this issuer and
 * audience, always with an end. A token says who and which generation of the user's tokens it belongs to; role
 * and state are read from the database, so that they hold at once.
 */
import { jwt } from '@elysiajs/jwt';
import { Type } from '@sinclair/typebox';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { newId, now } from '@/platform/time/clock.ts';

export interface Claims {
  readonly userId: string;
  readonly jti: string;
  /** `token_generation` of the user at the log-in; the token is good while it is still the same. */
  readonly generation: number;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

export interface IssuedToken extends Claims {
  readonly token: string;
  /** Seconds. */
  readonly expiresIn: number;
}

interface Options {
  /** Newest first; the first signs, all verify. */
  readonly secrets: readonly string[];
  readonly config: LiveConfig;
}

const Payload = Type.Object({ sub: Type.String(), jti: Type.String(), gen: Type.Integer() });

/** The plugin's own sign and verify, bound to one secret. */
function signerFor(secret: string) {
  return jwt({ name: 'jwt', secret, alg: 'HS256', schema: Payload }).decorator.jwt;
}

export class Tokens {
  private readonly all: readonly ReturnType<typeof signerFor>[];

  constructor(private readonly options: Options) {
    this.all = options.secrets.map(signerFor);
  }

  async issue(user: { readonly id: string; readonly generation: number }): Promise<IssuedToken> {
    const { issuer, audience, token_ttl_seconds: expiresIn } = this.options.config.current.auth;
    const [newest] = this.all;
    if (!newest) throw new Error('tokens need a secret');
    const jti = newId();
    const expiresAt = Math.floor(now() / 1000) + expiresIn;
    const token = await newest.sign({
      sub: user.id,
      jti,
      gen: user.generation,
      iss: issuer,
      aud: audience,
      exp: expiresAt,
    });
    return { token, userId: user.id, jti, generation: user.generation, expiresAt, expiresIn };
  }

  /** The claims of a token that this server (or one with the same secret) signed and that has not ended; else null. */
  async verify(token: string): Promise<Claims | null> {
    const { issuer, audience } = this.options.config.current.auth;
    const rules = {
      algorithms: ['HS256'],
      typ: 'JWT',
      issuer,
      audience,
      requiredClaims: ['exp', 'iat', 'sub', 'jti', 'gen'],
      currentDate: new Date(now()),
    };
    for (const signer of this.all) {
      const payload = await signer.verify(token, rules);
      if (payload && payload.exp !== undefined) {
        return {
          userId: payload.sub,
          jti: payload.jti,
          generation: payload.gen,
          expiresAt: payload.exp,
        };
      }
    }
    return null;
  }
}

/**
 * How often somebody may try a password: by client address and by user name, across all workers. An address from which
 * the user has logged in before has attempts of its own, so that a stranger who uses up those of a name does not lock
 * its owner out.
 */
import type { LiveConfig } from '@/platform/config/schema.ts';
import { TooManyRequests } from '@/platform/errors/problem.ts';
import { bucketAddress } from '@/platform/http/address.ts';
import type { TokenBuckets } from '@/platform/limits/buckets.ts';
import { policyOf, waitSeconds } from '@/platform/limits/policies.ts';
import type { RedisLink } from '@/platform/redis/link.ts';

interface Options {
  readonly buckets: Pick<TokenBuckets, 'take'>;
  readonly redis: Pick<RedisLink, 'run'>;
  readonly config: LiveConfig;
}

/** How long an address is remembered after a log-in. */
const KNOWN_MS = 30 * 86_400_000;

/** Names come from strangers: hashed, a key has one length and no odd characters. */
const keyOf = (name: string): string =>
  new Bun.CryptoHasher('sha256').update(name).digest('hex').slice(0, 32);

/** Of a user at an address. */
const placeOf = (usernameKey: string, address: string): string =>
  `${keyOf(usernameKey)}:${bucketAddress(address)}`;

const knownKey = (usernameKey: string, address: string): string =>
  `login:known:${placeOf(usernameKey, address)}`;

export class LoginThrottle {
  constructor(private readonly options: Options) {}

  /** Throws 429. The address goes first, so that a stranger at their limit cannot use up a user's attempts. */
  async attempt(usernameKey: string, address: string): Promise<void> {
    const { login_attempts_per_address, login_attempts_per_user } = this.options.config.current.auth;
    await this.take('login-address', `login:address:${bucketAddress(address)}`, login_attempts_per_address);
    const known = await this.knows(usernameKey, address);
    const whose = known ? placeOf(usernameKey, address) : keyOf(usernameKey);
    await this.take('login-user', `login:user:${whose}`, login_attempts_per_user);
  }

  /** Remembers that the user has logged in from here. Best effort: what Redis forgets, it forgets. */
  async succeeded(usernameKey: string, address: string): Promise<void> {
    const key = knownKey(usernameKey, address);
    await this.options.redis.run((redis) => redis.set(key, '1', 'PX', KNOWN_MS)).catch(() => undefined);
  }

  /**
   * Whether a refused attempt is to be written down: the first of an address in a minute is. Every one would let
   * a stranger fill the audit log as fast as they can send.
   */
  async worthNoting(address: string): Promise<boolean> {
    const key = `login:noted:${bucketAddress(address)}`;
    return (await this.options.buckets.take({ key, capacity: 1, windowSeconds: 60 })).allowed;
  }

  /** While Redis is lost nobody is known: the stricter rule holds. */
  private async knows(usernameKey: string, address: string): Promise<boolean> {
    const key = knownKey(usernameKey, address);
    return this.options.redis
      .run((redis) => redis.get(key))
      .then(
        (value) => value !== null,
        () => false,
      );
  }

  private async take(name: string, key: string, capacity: number): Promise<void> {
    const windowSeconds = this.options.config.current.auth.login_window_seconds;
    const taken = await this.options.buckets.take({ key, capacity, windowSeconds });
    if (taken.allowed) return;
    throw new TooManyRequests(
      'Too many log-in attempts: wait and try again.',
      waitSeconds(taken.retryAfterMs),
      policyOf(name, { max_requests: capacity, window_seconds: windowSeconds }),
    );
  }
}

/** How often somebody may try a password: by client address and by user name, across all workers. */
import type { LiveConfig } from '@/platform/config/schema.ts';
import { TooManyRequests } from '@/platform/errors/problem.ts';
import { bucketAddress } from '@/platform/http/address.ts';
import type { TokenBuckets } from '@/platform/limits/buckets.ts';

interface Options {
  readonly buckets: Pick<TokenBuckets, 'take'>;
  readonly config: LiveConfig;
}

/** Names come from strangers: hashed, a key has one length and no odd characters. */
const keyOf = (name: string): string =>
  new Bun.CryptoHasher('sha256').update(name).digest('hex').slice(0, 32);

export class LoginThrottle {
  constructor(private readonly options: Options) {}

  /** Throws 429. The address goes first, so that a stranger at his limit cannot use up a user's attempts. */
  async attempt(usernameKey: string, address: string): Promise<void> {
    const { login_attempts_per_address, login_attempts_per_user } = this.options.config.current.auth;
    await this.take('login-address', `login:address:${bucketAddress(address)}`, login_attempts_per_address);
    await this.take('login-user', `login:user:${keyOf(usernameKey)}`, login_attempts_per_user);
  }

  /**
   * Whether a refused attempt is to be written down: the first of an address in a minute is. Every one would let
   * a stranger fill the audit log as fast as he can send.
   */
  async worthNoting(address: string): Promise<boolean> {
    const key = `login:noted:${bucketAddress(address)}`;
    return (await this.options.buckets.take({ key, capacity: 1, windowSeconds: 60 })).allowed;
  }

  private async take(policy: string, key: string, capacity: number): Promise<void> {
    const windowSeconds = this.options.config.current.auth.login_window_seconds;
    const taken = await this.options.buckets.take({ key, capacity, windowSeconds });
    if (taken.allowed) return;
    throw new TooManyRequests('Too many log-in attempts: wait and try again.', taken.retryAfterMs / 1000, [
      policy,
    ]);
  }
}

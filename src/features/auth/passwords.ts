/**
 * Passwords: argon2id, off the event loop, with a cap on how many are hashed at once (each takes 64 MB and about
 * 150 ms of a core). Verifying for a user that does not exist costs the same as for one that does.
 */
import { type FieldError, InvalidRequest, Unavailable } from '@/platform/errors/problem.ts';

interface Options {
  /** Hashes in progress at once, in this process. */
  readonly concurrent?: number;
  /** Callers that may wait for their turn; more are refused with 503. */
  readonly waiting?: number;
  readonly memoryKiB?: number;
  readonly passes?: number;
}

const MAX_BYTES = 1024;
const CONTROL = /\p{Cc}/u;
const RETRY_AFTER_SECONDS = 5;

/** The same text typed on different systems is the same password. */
const normal = (password: string): string => password.normalize('NFC');

const filler = (byte: number): string => Buffer.alloc(32, byte).toString('base64').replace(/=+$/, '');

export class Passwords {
  private readonly cost: { algorithm: 'argon2id'; memoryCost: number; timeCost: number };
  /** Well-formed, of the same cost as real ones, and the hash of nothing. */
  private readonly nobody: string;
  private running = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly options: Options = {}) {
    const { memoryKiB = 65_536, passes = 2 } = options;
    this.cost = { algorithm: 'argon2id', memoryCost: memoryKiB, timeCost: passes };
    this.nobody = `$argon2id$v=19$m=${memoryKiB},t=${passes},p=1$${filler(7)}$${filler(9)}`;
  }

  hash(password: string): Promise<string> {
    return this.inTurn(() => Bun.password.hash(normal(password), this.cost));
  }

  /** `hash` null stands for a user that does not exist: false, after the usual time. */
  async verify(password: string, hash: string | null): Promise<boolean> {
    const matches = await this.inTurn(() => Bun.password.verify(normal(password), hash ?? this.nobody));
    return matches && hash !== null;
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { concurrent = 2, waiting = 64 } = this.options;
    if (this.running >= concurrent) {
      if (this.queue.length >= waiting) {
        throw new Unavailable('Too many log-ins at this moment: try again in a few seconds.', {
          headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
        });
      }
      await new Promise<void>((resolve) => this.queue.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      // The turn goes straight to the next in line, so that nobody can slip in between.
      const next = this.queue.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}

/** What is wrong with a new password, in words; null when nothing is. */
export function passwordFault(password: string, username: string, minLength: number): string | null {
  const text = normal(password);
  if ([...text].length < minLength) return `must have at least ${minLength} characters`;
  if (Buffer.byteLength(text) > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes`;
  // The log-in refuses these before it looks: such a password could be set and never be used.
  if (CONTROL.test(text) || !text.isWellFormed())
    return 'must not hold control characters or half characters';
  if (text.toLowerCase() === username.toLowerCase()) return 'must not be the user name';
  return null;
}

/** Throws 422 at `path` for a password that may not be chosen. */
export function requireAcceptable(password: string, username: string, minLength: number, path: string): void {
  const fault = passwordFault(password, username, minLength);
  if (!fault) return;
  const error: FieldError = { in: 'body', path, message: fault };
  throw new InvalidRequest(`The password ${fault}.`, { errors: [error] });
}

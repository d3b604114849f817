/** What PostgreSQL's error codes (SQLSTATE) mean to callers. */
import { InvalidRequest, messageOf, StorageFull, Unavailable } from '@/platform/errors/problem.ts';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Connection failures (class 08), shut-downs, too many connections, time-outs, and the network's own errors. */
const AWAY = /^(08...|57P0[123]|57014|53300|55P03|E[A-Z]+)$/;
/** What pg says without a code when a connection is not to be had, or breaks under a query. */
const GONE = /timeout exceeded when trying to connect|Connection terminated|Query read timeout|not queryable/;
/** Deadlock and serialisation failure: the same request may succeed when it comes again. */
const COLLISION = /^(40P01|40001)$/;
/** Text that PostgreSQL cannot hold, such as a NUL character. */
const UNSTORABLE = /^(22021|22P05)$/;

/** A refusal for what the caller can act on; anything else unchanged. */
export function translated(error: unknown): unknown {
  const code = codeOf(error);
  const options = { cause: error };
  if (code === '53100')
    return new StorageFull('The disk of the database is full: nothing was changed.', options);
  if (COLLISION.test(code)) {
    return new Unavailable('The change collided with another one: try again.', retryAfter('1', error));
  }
  if (UNSTORABLE.test(code))
    return new InvalidRequest('The text has characters that cannot be stored.', options);
  if (AWAY.test(code) || GONE.test(messageOf(error))) {
    return new Unavailable('The database does not answer.', retryAfter('5', error));
  }
  return error;
}

const retryAfter = (seconds: string, cause: unknown) => ({ headers: { 'retry-after': seconds }, cause });

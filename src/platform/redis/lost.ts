/** Redis cannot be used right now. Never reaches a client of the server: whoever calls Redis has a way to go on. */
export class RedisLost extends Error {
  constructor(
    readonly endpoint: string,
    reason: string,
    options?: { cause?: unknown },
  ) {
    super(`Redis at ${endpoint} is lost: ${reason}`, options);
    this.name = 'RedisLost';
  }
}

/** Replies by which a Redis that talks says that it cannot work, whatever the command. */
const UNABLE =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|MISCONF|OOM|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|BUSY|UNKILLABLE|TRYAGAIN)\b/;

/** What ioredis says when there is no connection that could carry the command, or it broke. */
const UNCONNECTED =
  /^(Connection is closed|Stream isn't writeable|Cluster isn't ready|Cluster isn't writable|Command timed out|Command aborted|Reached the max retries|Failed to refresh slots|Too many Cluster redirections|None of startup nodes)/;

/** Whether an error means that Redis is of no use now, as against a mistake in one call. */
export function meansLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return UNABLE.test(error.message) || UNCONNECTED.test(error.message);
}

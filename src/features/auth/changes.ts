/**
 * Tells every worker which user's tokens and keys to look at again. Best effort: what gets lost is caught by the
 * authenticator's own look at the database half a second later.
 */

const CHANNEL = 'auth:changed';

/** The part of a Redis link that is needed here. */
export interface Wire {
  publish(channel: string, message: string): void;
  subscribe(channel: string, listener: (message: string) => void): () => void;
}

export class AuthChanges {
  private readonly listeners = new Set<(userId: string) => void>();
  private readonly unsubscribe: () => void;

  /** `wire` null: only listeners of this process hear (command line). */
  constructor(private readonly wire: Wire | null) {
    this.unsubscribe = wire ? wire.subscribe(CHANNEL, (userId) => this.tell(userId)) : () => undefined;
  }

  /** Call it after the commit. */
  announce(userId: string): void {
    this.tell(userId);
    this.wire?.publish(CHANNEL, userId);
  }

  listen(listener: (userId: string) => void): void {
    this.listeners.add(listener);
  }

  close(): void {
    this.unsubscribe();
    this.listeners.clear();
  }

  private tell(userId: string): void {
    for (const listener of this.listeners) listener(userId);
  }
}

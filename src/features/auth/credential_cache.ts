/**
 * Credentials that were good a moment ago, by their text: bounded, the one looked up longest ago goes first. One
 * entry's look at the database is shared by all requests that wait for it.
 */
import { LRUCache } from 'lru-cache';
import type { Principal } from '@/platform/identity/principal.ts';

export interface Standing {
  readonly principal: Principal;
  /** Epoch milliseconds at which the credential ends by itself. */
  readonly endsAt: number;
}

export interface CacheEntry extends Standing {
  /** When the look at the database that made this entry began, epoch milliseconds. */
  readonly checkedAt: number;
}

const MAX_ENTRIES = 10_000;

export class CredentialCache {
  private readonly entries = new LRUCache<string, CacheEntry>({ max: MAX_ENTRIES });
  private readonly pending = new Map<string, Promise<Standing>>();

  /** The principal of a credential that was looked at less than `freshMs` ago and has not ended; else null. */
  fresh(text: string, time: number, freshMs: number): Principal | null {
    const entry = this.entries.peek(text);
    if (entry === undefined) return null;
    const age = time - entry.checkedAt;
    // A clock that was set back must not keep entries fresh.
    return age >= 0 && age < freshMs && time < entry.endsAt ? entry.principal : null;
  }

  /** What was known of a credential, however long ago. */
  known(text: string): CacheEntry | null {
    return this.entries.peek(text) ?? null;
  }

  /** Looks at the database once for all who ask meanwhile; forgets the credential when `look` throws. */
  look(text: string, time: number, look: () => Promise<Standing>): Promise<Standing> {
    const already = this.pending.get(text);
    if (already) return already;
    const started: Promise<Standing> = look().then(
      (standing) => {
        if (this.pending.get(text) === started) {
          this.pending.delete(text);
          this.entries.set(text, { ...standing, checkedAt: time });
        }
        return standing;
      },
      (error: unknown) => {
        if (this.pending.get(text) === started) this.pending.delete(text);
        this.entries.delete(text);
        throw error;
      },
    );
    this.pending.set(text, started);
    return started;
  }

  /** Forgets a user's credentials; a look that is under way may have seen the old state and is not kept. */
  forgetUser(userId: string): void {
    for (const [text, entry] of [...this.entries.entries()]) {
      if (entry.principal.id === userId) this.entries.delete(text);
    }
    this.pending.clear();
  }

  get size(): number {
    return this.entries.size;
  }
}

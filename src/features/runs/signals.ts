/**
 * What executors hear of: "there is work" and "this run was cancelled". At once in this process, through Redis in
 * all others. Signals may be lost: executors also look for themselves, and a cancelled run's checkpoint is refused.
 */
import type { RedisLink } from '@/platform/redis/link.ts';

const WAKE_CHANNEL = 'runs:wake';
const CANCEL_CHANNEL = 'runs:cancel';
/** Other processes are told at most this often. */
const QUIET_MS = 10;

export class RunSignals {
  private readonly wakeListeners = new Set<() => void>();
  private readonly cancelListeners = new Set<(runId: string) => void>();
  private readonly subscriptions: (() => void)[];
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly options: { readonly redis: Pick<RedisLink, 'publish' | 'subscribe'> }) {
    const { redis } = options;
    this.subscriptions = [
      redis.subscribe(WAKE_CHANNEL, () => this.wakeHere()),
      redis.subscribe(CANCEL_CHANNEL, (runId) => this.cancelHere(runId)),
    ];
  }

  /** There may be work for an executor. Call it after the commit. */
  wake(): void {
    this.wakeHere();
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.options.redis.publish(WAKE_CHANNEL, '');
    }, QUIET_MS);
  }

  cancelled(runId: string): void {
    this.cancelHere(runId);
    this.options.redis.publish(CANCEL_CHANNEL, runId);
  }

  onWake(listener: () => void): () => void {
    this.wakeListeners.add(listener);
    return () => void this.wakeListeners.delete(listener);
  }

  onCancelled(listener: (runId: string) => void): () => void {
    this.cancelListeners.add(listener);
    return () => void this.cancelListeners.delete(listener);
  }

  close(): void {
    if (this.timer) clearTimeout(this.timer);
    for (const unsubscribe of this.subscriptions) unsubscribe();
  }

  private wakeHere(): void {
    for (const listener of this.wakeListeners) listener();
  }

  private cancelHere(runId: string): void {
    for (const listener of this.cancelListeners) listener(runId);
  }
}

/** Who listens to which channel of the embedded Redis. */

export interface Listener {
  push(message: readonly unknown[]): void;
}

export class Channels<L extends Listener> {
  private readonly listeners = new Map<string, Set<L>>();
  private readonly channelsOf = new Map<L, Set<string>>();

  /** Returns how many channels the listener has now. */
  add(listener: L, channel: string): number {
    const listeners = this.listeners.get(channel) ?? new Set();
    listeners.add(listener);
    this.listeners.set(channel, listeners);
    const channels = this.channelsOf.get(listener) ?? new Set();
    channels.add(channel);
    this.channelsOf.set(listener, channels);
    return channels.size;
  }

  remove(listener: L, channel: string): number {
    const listeners = this.listeners.get(channel);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.listeners.delete(channel);
    const channels = this.channelsOf.get(listener);
    channels?.delete(channel);
    if (channels?.size === 0) this.channelsOf.delete(listener);
    return channels?.size ?? 0;
  }

  removeAll(listener: L): void {
    for (const channel of this.of(listener)) this.remove(listener, channel);
  }

  of(listener: L): string[] {
    return [...(this.channelsOf.get(listener) ?? [])];
  }

  /** Returns how many heard it. */
  publish(channel: string, message: string): number {
    const listeners = this.listeners.get(channel);
    if (!listeners) return 0;
    for (const listener of listeners) listener.push(['message', channel, message]);
    return listeners.size;
  }

  count(channel: string): number {
    return this.listeners.get(channel)?.size ?? 0;
  }

  /** Channels that somebody listens to. */
  names(): string[] {
    return [...this.listeners.keys()];
  }
}

/** The server's own life in the audit log. From the start on, an event that cannot be written must not stop the server. */
import type { Logger } from '@/platform/log/log.ts';
import type { Storage } from './storage.ts';

type Event = Parameters<Storage['record']>[0];

export class ServerEvents {
  private storage: Storage | null = null;

  constructor(private readonly log: Logger) {}

  /** Throws when the event cannot be written: then no other could. */
  async started(storage: Storage, workers: number): Promise<void> {
    this.storage = storage;
    await storage.record({ action: 'server.started', details: { workers } });
  }

  async record(event: Event): Promise<void> {
    try {
      await this.storage?.record(event);
    } catch (error) {
      this.log.error('audit event of the server was not written', { action: event.action, error });
    }
  }

  /** The last event, and its place in the audit chain. */
  async stopped(signal: string | null, killed: number): Promise<void> {
    await this.record({ action: 'server.stopped', details: { signal, killed } });
    await this.storage
      ?.seal()
      .catch((error) =>
        this.log.warn('the last audit events wait for the next start to be sealed', { error }),
      );
  }
}

/**
 * Grants write turns on the SQLite file to all processes of the server, first come, first served, over a Unix socket.
 * A holder keeps the turn until somebody else asks; one that dies frees it by its closed socket; one that does not
 * react for a second loses it (SQLite's own lock still guards the data). One byte a message:
 *
 *   to here    w  want a turn         d  done with it        r  done, and want another
 *   from here  g  granted, keep it until asked     o  granted, for one batch: others wait     y  give it back
 */
import { chmodSync, rmSync } from 'node:fs';
import type { Socket } from 'bun';
import { messageOf } from '@/platform/errors/problem.ts';
import { checkSocketPath } from '@/platform/ipc/socket_path.ts';
import type { Logger } from '@/platform/log/log.ts';

export const TURN = {
  want: 0x77,
  done: 0x64,
  doneWant: 0x72,
  granted: 0x67,
  grantedOnce: 0x6f,
  yield: 0x79,
} as const;

const CHECK_MS = 500;

type Client = Socket<undefined>;

/** The order of turns; knows nothing of sockets but that it can send a byte. */
class TurnOrder<C> {
  private readonly queue = new Set<C>();
  private holder: C | null = null;
  private asked = false;
  private grants = 0;
  private checkedGrant = -1;

  constructor(private readonly send: (client: C, byte: number) => void) {}

  want(client: C): void {
    if (client === this.holder) return;
    this.queue.add(client);
    if (!this.holder) this.next();
    else if (!this.asked) {
      this.asked = true;
      this.send(this.holder, TURN.yield);
    }
  }

  done(client: C): void {
    if (client !== this.holder) return;
    this.holder = null;
    this.next();
  }

  leave(client: C): void {
    this.queue.delete(client);
    this.done(client);
  }

  /** Called at intervals: takes the turn from a holder that kept others waiting over a whole interval. */
  takeFromUnresponsive(): boolean {
    const stuck = this.holder !== null && this.queue.size > 0 && this.checkedGrant === this.grants;
    this.checkedGrant = this.queue.size > 0 ? this.grants : -1;
    if (stuck && this.holder) this.done(this.holder);
    return stuck;
  }

  private next(): void {
    for (const client of this.queue) {
      this.queue.delete(client);
      this.holder = client;
      this.grants++;
      this.asked = this.queue.size > 0;
      this.send(client, this.asked ? TURN.grantedOnce : TURN.granted);
      return;
    }
  }
}

/** Serves turns until closed. The caller holds the server's lock, so a socket file found here is a dead one's. */
export async function serveTurns(socketPath: string, log: Logger): Promise<{ close(): Promise<void> }> {
  checkSocketPath(socketPath);
  rmSync(socketPath, { force: true });
  const order = new TurnOrder<Client>((client, byte) => void client.write(Uint8Array.of(byte)));
  const listener = Bun.listen<undefined>({
    unix: socketPath,
    socket: {
      data: (client, bytes) => {
        for (const byte of bytes) {
          if (byte === TURN.want) order.want(client);
          else if (byte === TURN.done) order.done(client);
          else if (byte === TURN.doneWant) {
            order.done(client);
            order.want(client);
          }
        }
      },
      close: (client) => order.leave(client),
      error: (client, error) => {
        log.warn('write turns: socket failed', { error: messageOf(error) });
        order.leave(client);
      },
    },
  });
  chmodSync(socketPath, 0o600);
  const check = setInterval(() => {
    if (order.takeFromUnresponsive()) log.warn('write turns: holder does not react, turn passed on');
  }, CHECK_MS);
  check.unref();
  return {
    close: async () => {
      clearInterval(check);
      listener.stop(true);
      rmSync(socketPath, { force: true });
    },
  };
}

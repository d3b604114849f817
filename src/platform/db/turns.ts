/**
 * Grants write turns on the SQLite file to all processes of the server, first come, first served, over a Unix socket.
 * A holder keeps the turn until somebody else asks; one that dies frees it by its closed socket; one that does not
 * react for a second loses it (SQLite's own lock still guards the data).
 */
import { chmodSync, rmSync } from 'node:fs';
import type { Socket } from 'bun';
import { messageOf } from '@/platform/errors/problem.ts';
import { checkSocketPath } from '@/platform/ipc/socket_path.ts';
import type { Logger } from '@/platform/log/log.ts';
import { TURN, TurnOrder } from './turn_order.ts';

const CHECK_MS = 500;

type Client = Socket<undefined>;

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

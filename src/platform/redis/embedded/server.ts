/**
 * The embedded Redis: a small RESP server on a Unix socket in front of ioredis-mock. Every worker sees the same one
 * through the same client and the same code as a real Redis. It keeps nothing over a restart, as Redis need not.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import Parser from 'redis-parser';
import { messageOf } from '@/platform/errors/problem.ts';
import { checkSocketPath } from '@/platform/ipc/socket_path.ts';
import type { Logger } from '@/platform/log/log.ts';
import { now } from '@/platform/time/clock.ts';
import type { RedisScript } from '../script.ts';
import { Channels } from './channels.ts';
import { commands, type Services } from './commands.ts';
import { Keyspace } from './keyspace.ts';
import { Session } from './session.ts';

export interface EmbeddedRedis {
  close(): Promise<void>;
}

interface Options {
  readonly socketPath: string;
  /** The scripts of ours that clients may call. */
  readonly scripts: readonly RedisScript[];
  readonly log: Logger;
}

/** Only this user may connect. A socket that a dead server left behind is replaced. */
export async function startEmbeddedRedis({ socketPath, scripts, log }: Options): Promise<EmbeddedRedis> {
  checkSocketPath(socketPath);
  const keyspace = await Keyspace.open();
  const sessions = new Set<Session>();
  const sockets = new Set<Socket>();
  const services: Services = {
    keyspace,
    channels: new Channels(),
    scripts: new Map(scripts.map((script) => [script.sha, script])),
    sessions,
    startedAt: now(),
    knows: (name) => name in commands || keyspace.knows(name),
  };
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    sockets.add(socket);
    const session = converse(socket, count, services, log);
    sessions.add(session);
    socket.once('close', () => {
      sockets.delete(socket);
      sessions.delete(session);
      session.closed();
    });
  });
  rmSync(socketPath, { force: true });
  await listen(server, socketPath);
  chmodSync(socketPath, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
      keyspace.close();
      rmSync(socketPath, { force: true });
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}

function converse(socket: Socket, id: number, services: Services, log: Logger): Session {
  const session = new Session(id, services, {
    write: (text) => void (socket.writable && socket.write(text)),
    end: () => void socket.end(),
  });
  const parser = new Parser({
    returnReply: (request) => session.request(request),
    returnError: () => undefined,
    returnFatalError: (error) => {
      log.warn('embedded Redis: a client sent no Redis request', { error: messageOf(error) });
      socket.destroy();
    },
  });
  socket.on('data', (chunk: Buffer) => parser.execute(chunk));
  socket.on('error', () => socket.destroy());
  return session;
}

/**
 * Whether the port is free. Workers share it with SO_REUSEPORT, by which a second server would join in silently and
 * get a part of the first one's requests; so the supervisor asks once without that option. A trial that listens, and so
 * opens the port for a moment, is only made where the port has to be chosen, or to know why it cannot be had.
 */
import { createServer } from 'node:net';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { canBind } from '@/platform/native/bind.ts';

/** Workers of a killed supervisor notice within milliseconds; a restart right behind it need not fail for them. */
const PATIENCE_MS = 1_000;
const RETRY_MS = 50;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken by another process',
  EACCES: 'this user may not open the port',
  EADDRNOTAVAIL: 'this machine does not have that address',
};

function tryToListen(host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const listener = createServer();
  listener.once('error', reject);
  listener.listen({ host, port, exclusive: true }, () => {
    const address = listener.address();
    listener.close(() => resolve(typeof address === 'object' && address ? address.port : port));
  });
  return promise;
}

/** Resolves with the port to use: the given one, or a free one for 0. Throws CommandFailure (exit 1) with the reason. */
export async function claimPort(host: string, port: number): Promise<number> {
  if (port !== 0 && (await canBind(host, port))) return port;
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await tryToListen(host, port);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (code === 'EADDRINUSE' && performance.now() < deadline) {
        await Bun.sleep(RETRY_MS);
        continue;
      }
      const reason = REASONS[code] ?? messageOf(error);
      throw new CommandFailure(`cannot listen on ${host}:${port}: ${reason}`, 1, { cause: error });
    }
  }
}

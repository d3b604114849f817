/**
 * The worker's port. Draining fails no request: for a while every answer carries `Connection: close` while new
 * connections are still accepted, so that clients move over to other workers or servers; then the port is closed and what
 * is in flight is finished.
 */
import type { AnyElysia } from 'elysia';

/** The parts of Elysia's app that listening needs. */
export type ListeningApp = Pick<AnyElysia, 'fetch' | 'listen' | 'server'>;

interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
}

interface DrainOptions {
  readonly drainMs: number;
  /** Longest wait for requests in flight after the port is closed. */
  readonly graceMs: number;
}

const POLL_MS = 10;

/** Some answers (a redirect, a passed-on answer) have headers that cannot be changed: those are copied. */
function closing(response: Response): Response {
  try {
    response.headers.set('connection', 'close');
    return response;
  } catch {
    const headers = new Headers(response.headers);
    headers.set('connection', 'close');
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
  }
}

export class Listener {
  private constructor(
    private readonly app: ListeningApp,
    private readonly server: Bun.Server<unknown>,
  ) {}

  /** Opens the port, shared with the other workers. Throws when it cannot be had. */
  static open(app: ListeningApp, options: ListenOptions): Listener {
    const { host, port, maxBodyBytes } = options;
    app.listen({
      hostname: host,
      port,
      reusePort: true,
      maxRequestBodySize: maxBodyBytes,
      // Bun's page for developers shows source code to whoever meets a bug.
      development: false,
    });
    if (!app.server) throw new Error('the server did not start to listen');
    return new Listener(app, app.server);
  }

  /** Resolves with the number of requests that were cut off because they did not end in time. */
  async drain({ drainMs, graceMs }: DrainOptions): Promise<number> {
    // Replacing the handlers costs nothing until now; a wrapper around every answer would.
    this.server.reload({ routes: {}, fetch: async (request) => closing(await this.app.fetch(request)) });
    await Bun.sleep(drainMs);
    const stopped = this.server.stop();
    const deadline = performance.now() + graceMs;
    while (this.server.pendingRequests > 0 && performance.now() < deadline) await Bun.sleep(POLL_MS);
    const cutOff = this.server.pendingRequests;
    if (cutOff > 0) await this.server.stop(true);
    else await Promise.race([stopped, Bun.sleep(deadline - performance.now())]);
    return cutOff;
  }
}

/**
 * The worker's port. Draining fails no request: event streams end, so that their clients go on elsewhere; for a while every answer carries `Connection: close` while new
 * connections are still accepted, so that clients move over to other workers or servers; then new connections are dropped,
 * the port is closed and what is in flight is finished.
 */
import type { AnyElysia } from 'elysia';
import type { OpenStreams } from '@/platform/http/open_streams.ts';
import type { Logger } from '@/platform/log/log.ts';
import { settlesWithin } from '@/platform/time/deadline.ts';
import { dropNewConnections } from './syn_filter.ts';

/** The parts of Elysia's app that listening needs. */
export type ListeningApp = Pick<AnyElysia, 'fetch' | 'server'>;

interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  /** Answers without an end, which a drain has to end. */
  readonly streams?: Pick<OpenStreams, 'leave'>;
  readonly log: Logger;
}

interface DrainOptions {
  readonly drainMs: number;
  /** Longest wait for requests in flight after the port is closed. */
  readonly graceMs: number;
}

const POLL_MS = 10;
/** In this time, whoever is connected already sends their request and gets their answer. */
const SETTLE_MS = 150;
/** A backup of a great log takes this long at most between two bytes; so may a client between two requests. */
const IDLE_SECONDS = 120;

/**
 * Bun refuses a body beyond its limit by itself, with an empty answer that no plugin sees. Ours refuses it with a
 * problem document; so Bun's is there only against what is absurd.
 */
const absurdBodyBytes = (maxBodyBytes: number): number => Math.max(8 * maxBodyBytes, 64 * 1_048_576);

/** The last resort, for what is thrown outside of the app's own hooks. */
function failure(log: Logger, error: unknown): Response {
  log.error('request failed outside of the app', { error });
  const problem = {
    type: 'urn:ao:problem:internal-error',
    title: 'Internal server error',
    status: 500,
    detail: 'Something went wrong on our side.',
  };
  return Response.json(problem, { status: 500, headers: { 'content-type': 'application/problem+json' } });
}

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
    private readonly options: ListenOptions,
  ) {}

  /** Opens the port, shared with the other workers. Throws when it cannot be had. */
  static open(app: ListeningApp, options: ListenOptions): Listener {
    const { host, port, maxBodyBytes, log } = options;
    // Not by the app itself, which would go through all of its routes twice first, in a worker that is waited for.
    const server = Bun.serve({
      hostname: host,
      port,
      reusePort: true,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: absurdBodyBytes(maxBodyBytes),
      // Bun's page for developers shows source code to whoever meets a bug.
      development: false,
      error: (error) => failure(log, error),
      fetch: (request) => app.fetch(request),
    });
    app.server = server;
    return new Listener(app, server, options);
  }

  /** Resolves with the number of requests that were cut off because they did not end in time. */
  async drain({ drainMs, graceMs }: DrainOptions): Promise<number> {
    const { streams, log } = this.options;
    // Replacing the handlers costs nothing until now; a wrapper around every answer would.
    this.server.reload({
      routes: {},
      fetch: async (request) => closing(await this.app.fetch(request)),
      error: (error) => closing(failure(log, error)),
    });
    streams?.leave();
    await Bun.sleep(drainMs);
    const { port } = this.server;
    if (port !== undefined && (await dropNewConnections(port, log))) await Bun.sleep(SETTLE_MS);
    const stopped = this.server.stop();
    const deadline = performance.now() + graceMs;
    while (this.server.pendingRequests > 0 && performance.now() < deadline) await Bun.sleep(POLL_MS);
    const cutOff = this.server.pendingRequests;
    if (cutOff > 0) await this.server.stop(true);
    else await settlesWithin(stopped, Math.max(0, deadline - performance.now()));
    return cutOff;
  }
}

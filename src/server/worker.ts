/**
 * A worker process: waits for its orders, opens everything, listens, and leaves in good order when told to. It never
 * outlives its supervisor.
 */
import { wantsColour } from '@/platform/config/environment.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import { OpenStreams } from '@/platform/http/open_streams.ts';
import { largestCap } from '@/platform/http/routes.ts';
import type { WorkerInit } from '@/platform/ipc/messages.ts';
import { createLogger, type Logger } from '@/platform/log/log.ts';
import { type LogOutput, standardOutput } from '@/platform/log/output.ts';
import { buildApp } from './app.ts';
import { Listener } from './listener.ts';
import { type OpenWorker, openWorker } from './open_worker.ts';
import { SupervisorChannel } from './supervisor_channel.ts';

/** Carries out the hidden worker command; ends the process itself. */
export async function runWorker(): Promise<void> {
  const channel = new SupervisorChannel();
  const init = await channel.init;
  if (!init) return leave(channel);
  const output = standardOutput(init.config.log.format, wantsColour());
  const log = createLogger({
    level: init.config.log.level,
    fields: { worker: init.slot },
    write: output.write,
  });
  reportBugs(log);
  try {
    serve(channel, init, await openWorker(init, log), log, output);
  } catch (error) {
    fail(channel, log, error);
  }
}

/** Opens the port when the supervisor says so: when all workers of the server can answer. */
function serve(
  channel: SupervisorChannel,
  init: WorkerInit,
  worker: OpenWorker,
  log: Logger,
  output: LogOutput,
): void {
  const { server } = init.config;
  const streams = new OpenStreams(worker.core);
  const app = buildApp(worker, {
    streams,
    accessLines: output.gathered(),
    untrustedProxy: (sighting) => channel.say({ type: 'untrusted_proxy', ...sighting }),
  });
  // The first request must not have to wait for it.
  app.compile();
  let listener: Listener | null = null;
  let draining = false;
  channel.listen({
    reload: ({ config }) => {
      log.setLevel(config.log.level);
      worker.reconfigure(config);
    },
    fleet: ({ fleet }) => worker.fleetChanged(fleet),
    listen: ({ fleet }) => {
      if (draining) return;
      worker.fleetChanged(fleet);
      try {
        const { host, port } = server;
        const maxBodyBytes = Math.max(server.max_body_bytes, largestCap(app));
        listener = Listener.open(app, { host, port, maxBodyBytes, streams, log });
      } catch (error) {
        fail(channel, log, error);
      }
      worker.startJobs();
      channel.say({ type: 'ready' });
    },
    drain: () => {
      if (draining) return;
      draining = true;
      void drain(channel, listener, worker, log);
    },
  });
  channel.say({ type: 'prepared' });
}

function fail(channel: SupervisorChannel, log: Logger, error: unknown): never {
  const fatal = error instanceof CommandFailure;
  log.error('worker cannot start', fatal ? { reason: error.message } : { error });
  channel.say({ type: 'failed', message: messageOf(error), fatal });
  process.exit(1);
}

/** Requests and runs are finished side by side; the database is closed last. */
async function drain(
  channel: SupervisorChannel,
  listener: Listener | null,
  worker: OpenWorker,
  log: Logger,
): Promise<void> {
  const { drain_seconds, shutdown_grace_seconds } = worker.core.config.current.server;
  const drainMs = drain_seconds * 1_000;
  const graceMs = shutdown_grace_seconds * 1_000;
  const disorder = (error: unknown): void => log.error('worker could not shut down cleanly', { error });
  if (listener) {
    for (const { leaving } of worker.opened) leaving?.();
    // What goes wrong with one must not cut the other short.
    const [cutOff] = await Promise.all([
      listener.drain({ drainMs, graceMs }),
      worker.stopJobs(drainMs + graceMs).catch(disorder),
    ]);
    if (cutOff > 0) log.warn('requests were cut off at shutdown', { requests: cutOff });
  }
  await worker.close().catch(disorder);
  leave(channel);
}

function leave(channel: SupervisorChannel): never {
  channel.say({ type: 'drained' });
  process.exit(0);
}

/**
 * A bug outside of any request. An exception may have left anything behind: it ends this worker, and the supervisor starts
 * another. A promise that failed unheard harms nobody else's request.
 */
function reportBugs(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.error('worker exits after an unhandled error', { error });
    process.exit(1);
  });
  process.on('unhandledRejection', (error) => {
    log.error('unhandled error', { error });
  });
}

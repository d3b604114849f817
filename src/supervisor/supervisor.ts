/**
 * The supervisor: owns the data folder, the write turns, the embedded Redis and the workers; serves no HTTP. What most
 * likely refuses comes first in the start, and is one clear log line; the stop goes the same way back.
 */
import { type Environment, readServiceManager } from '@/platform/config/environment.ts';
import type { Finding } from '@/platform/config/finding.ts';
import { liveConfig, type ReplaceableConfig } from '@/platform/config/live.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { serveTurns } from '@/platform/db/turns.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { FleetState, Secrets, WorkerInit } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import { newId, now } from '@/platform/time/clock.ts';
import { clearRunFolder, prepareDataFolder } from './data_folder.ts';
import { reportedExitCode } from './exit_code.ts';
import { SUPERVISOR_FILE } from './file_indexes.ts';
import { logFindings, requireNoErrors } from './findings.ts';
import { Fleet, type FleetTiming } from './fleet.ts';
import { lockDataFolder } from './lock.ts';
import { claimPort } from './port.ts';
import { preflight } from './preflight.ts';
import { proxyWarning } from './proxy_warning.ts';
import { openRedisSource, type RedisSource } from './redis_source.ts';
import { Reloads } from './reloads.ts';
import { resolveSecrets } from './secrets.ts';
import { ServerEvents } from './server_events.ts';
import { ServiceManager } from './service_manager.ts';
import { listenForSignals } from './signals.ts';
import { openStorage, type Storage } from './storage.ts';
import { docsOf, showAddress, showFirstPassword, urlOf } from './welcome.ts';
import { workerCommand } from './worker_process.ts';

export interface SupervisorOptions {
  readonly config: Config;
  /** Reads the configuration again, for SIGHUP; throws CommandFailure for a bad one. */
  readonly reloadConfig: () => Config;
  readonly dataDir: string;
  readonly environment: Environment;
  /** What the configuration has brought up when it was read; goes into the log. */
  readonly findings?: readonly Finding[];
  readonly log: Logger;
  /** What starts a worker; this same program unless given. */
  readonly workerCommand?: readonly string[];
  readonly timing?: Partial<FleetTiming>;
}

/** Beyond drain and grace: in this time a worker closes what it has open. */
const CLOSING_MS = 2_000;
/** Then the supervisor has this long for its last audit event, and this long to close what it has open. */
const LAST_RECORD_MS = 1_000;
const LAST_CLOSING_MS = 500;
/** Who asks twice has waited enough. */
const IMPATIENT_MS = 1_000;

/** Runs the server until it is told to stop or cannot go on; resolves with the exit code. */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  try {
    await new Supervisor(options).run();
    return 0;
  } catch (error) {
    if (error instanceof StoppedEarly) return 0;
    return reportedExitCode(error, options.log, options.dataDir);
  }
}

/** Told to stop in the middle of the start. */
class StoppedEarly extends Error {}

class Supervisor {
  /** Live: SIGHUP replaces it. */
  private readonly config: ReplaceableConfig;
  private readonly serverId = newId();
  private readonly startedAt = now();
  private readonly stopAsked = Promise.withResolvers<string>();
  private stopSignal: string | null = null;
  private readonly reloads: Reloads;
  private manager: ServiceManager | null = null;
  private redis: RedisSource | null = null;
  private readonly events: ServerEvents;
  private fleet: Fleet | null = null;

  constructor(private readonly options: SupervisorOptions) {
    this.config = liveConfig(options.config);
    this.events = new ServerEvents(options.log);
    this.reloads = new Reloads({
      config: this.config,
      read: options.reloadConfig,
      log: options.log,
      applied: (config) => this.fleet?.broadcast({ type: 'reload', config }),
      record: (event) => this.events.record(event),
      begun: () => this.manager?.reloading(),
      ended: () => this.manager?.reloaded(this.status),
    });
  }

  async run(): Promise<void> {
    const resources = new AsyncDisposableStack();
    try {
      const cause = await this.live(resources);
      if (cause instanceof CommandFailure) throw cause;
    } finally {
      // A database that does not answer must not keep a server that has stopped.
      await Promise.race([resources.disposeAsync(), Bun.sleep(LAST_CLOSING_MS)]);
    }
  }

  private async live(resources: AsyncDisposableStack): Promise<string | CommandFailure> {
    const { log } = this.options;
    resources.defer(
      listenForSignals({
        stop: (signal) => this.askToStop(signal),
        stopNow: (signal) => this.stopNow(signal),
        reload: () => this.reloads.ask(),
        ignored: (signal) =>
          log.info('this signal does nothing: SIGTERM and SIGINT stop the server, SIGHUP reloads it', {
            signal,
          }),
      }),
    );
    this.manager = resources.use(await ServiceManager.open(readServiceManager(), log));
    try {
      const { fleet, admin } = await this.open(resources);
      const cause = await this.serve(fleet, admin);
      log.info('stopping', cause instanceof CommandFailure ? { cause: cause.message } : { signal: cause });
      await this.stop(fleet);
      return cause;
    } catch (error) {
      await this.fleet?.stop(0);
      throw error;
    }
  }

  /** Everything around the workers; what is opened is left to `resources` to close, in reverse order. */
  private async open(resources: AsyncDisposableStack) {
    const { dataDir, log } = this.options;
    const paths = prepareDataFolder(dataDir);
    const lock = lockDataFolder(paths);
    resources.defer(() => lock.release());
    await this.checkStart(paths);
    await this.choosePort();
    const secrets = await this.secrets(paths);
    clearRunFolder(paths);

    const metrics = openMetrics({ folder: paths.metrics, file: SUPERVISOR_FILE });
    resources.defer(() => metrics.close());
    const fleet = this.fleetOf(metrics, paths, secrets);
    this.fleet = fleet;
    // They come up while the rest is made ready for them.
    fleet.spawn();
    const turns = await serveTurns(paths.turnsSocket, log);
    resources.defer(() => turns.close());
    const redis = await openRedisSource({
      config: this.config.current.redis,
      paths,
      log,
      metrics,
      moved: () => this.tellFleetState(),
    });
    resources.defer(() => redis.close());
    this.redis = redis;
    this.goOnUnlessStopped();

    const storage = await openStorage({ config: this.config, paths, metrics, serverId: this.serverId, log });
    resources.defer(() => storage.close());
    this.goOnUnlessStopped();
    // A password takes a while to hash: workers open the database meanwhile, and listen afterwards.
    return { fleet, admin: this.welcomeAdmin(storage) };
  }

  private async welcomeAdmin(storage: Storage): Promise<void> {
    showFirstPassword(await storage.ensureFirstAdmin(this.options.environment.adminPassword));
    await this.events.started(storage, this.workers);
  }

  private fleetOf(metrics: Metrics, paths: DataPaths, secrets: Secrets): Fleet {
    const restarts = metrics.counter('ao_worker_restarts_total', {
      help: 'Workers that died unexpectedly and were replaced.',
    });
    return new Fleet({
      size: this.workers,
      silenceMs: this.config.current.server.worker_timeout_seconds * 1_000,
      command: () => this.options.workerCommand ?? workerCommand(),
      log: this.options.log,
      timing: this.options.timing ?? {},
      init: (slot, metricsFile) => this.initFor(slot, metricsFile, paths.root, secrets),
      state: () => this.fleetState(),
      changed: () => this.tellFleetState(),
      restarted: () => restarts.inc(),
      untrustedProxy: proxyWarning(this.config, this.options.log),
    });
  }

  /** Resolves when the server has to stop: with the signal, or with why it cannot go on. */
  private async serve(fleet: Fleet, admin: Promise<void>): Promise<string | CommandFailure> {
    const { log } = this.options;
    const { server } = this.config.current;
    const end = Promise.race([fleet.failed, this.stopAsked.promise]);
    const started = Promise.all([admin, fleet.start(admin)]).then(() => null);
    const early = await Promise.race([started, end]);
    if (early !== null) return early;
    log.info('listening', {
      url: this.url,
      workers: this.workers,
      role: server.role,
      server_id: this.serverId,
      docs: docsOf(this.url),
    });
    showAddress(this.url, this.config.current.log.format);
    this.manager?.ready(this.status);
    this.manager?.watch((withinMs) => fleet.livedWithin(withinMs));
    return end;
  }

  private async stop(fleet: Fleet): Promise<void> {
    const { log } = this.options;
    const { drain_seconds, shutdown_grace_seconds } = this.config.current.server;
    this.manager?.stopping('Finishing requests and steps in flight');
    const killed = await fleet.stop((drain_seconds + shutdown_grace_seconds) * 1_000 + CLOSING_MS);
    if (killed > 0) log.warn('workers did not stop in time and were killed', { killed });
    const recorded = this.reloads.over.then(() => this.events.stopped(this.stopSignal, killed));
    await Promise.race([recorded, Bun.sleep(LAST_RECORD_MS)]);
    log.info('stopped', { uptime_seconds: Math.round((now() - this.startedAt) / 1_000) });
  }

  private askToStop(signal: string): void {
    this.stopSignal = signal;
    this.stopAsked.resolve(signal);
  }

  /** The kernel ends what workers have open; their runs go on elsewhere, or at the next start. */
  private stopNow(signal: string): void {
    this.options.log.warn('stopping at once', { signal });
    this.fleet?.killAll();
    setTimeout(() => process.exit(1), IMPATIENT_MS);
  }

  private goOnUnlessStopped(): void {
    if (this.stopSignal) throw new StoppedEarly();
  }

  private get workers(): number {
    return this.config.current.server.workers;
  }

  /** Everything that would end the start later on, told at once; and what an operator should know. */
  private async checkStart(paths: DataPaths): Promise<void> {
    const { environment, log, findings = [] } = this.options;
    const found = await preflight({ config: this.config.current, environment, paths, running: null });
    logFindings(log, [...findings, ...found]);
    requireNoErrors(found);
  }

  /** The workers get a number, also when the configuration asks for any free port. */
  private async choosePort(): Promise<void> {
    const { server } = this.config.current;
    const port = await claimPort(server.host, server.port);
    this.config.replace({ ...this.config.current, server: { ...server, port } });
  }

  private get url(): string {
    return urlOf(this.config.current.server.host, this.config.current.server.port);
  }

  /** For `systemctl status`. */
  private get status(): string {
    return `${this.fleet?.serving ?? 0} of ${this.workers} workers serve ${this.url}`;
  }

  private secrets(paths: DataPaths): Promise<Secrets> {
    const { environment, log } = this.options;
    return resolveSecrets({ paths, environment, config: this.config.current, log });
  }

  private initFor(slot: number, metricsFile: number, dataDir: string, secrets: Secrets): WorkerInit {
    const { serverId } = this;
    const config = this.config.current;
    return { type: 'init', slot, serverId, dataDir, config, secrets, fleet: this.fleetState(), metricsFile };
  }

  private fleetState(): FleetState {
    if (!this.redis) throw new Error('workers are told of Redis before it is known');
    return {
      startedAt: this.startedAt,
      workersWanted: this.workers,
      workersReady: this.fleet?.serving ?? 0,
      redis: this.redis.target,
    };
  }

  private tellFleetState(): void {
    if (!this.redis) return;
    this.fleet?.broadcast({ type: 'fleet', fleet: this.fleetState() });
    this.manager?.status(this.status);
  }
}

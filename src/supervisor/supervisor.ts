/**
 * The supervisor: owns the data folder, the write turns, the embedded Redis and the workers; serves no HTTP. What most
 * likely refuses comes first in the start, and is one clear log line; the stop goes the same way back.
 */
import type { Environment } from '@/platform/config/environment.ts';
import type { Finding } from '@/platform/config/finding.ts';
import { liveConfig, type ReplaceableConfig } from '@/platform/config/live.ts';
import { ConfigRefused } from '@/platform/config/load.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { serveTurns } from '@/platform/db/turns.ts';
import { CommandFailure, messageOf } from '@/platform/errors/problem.ts';
import type { FleetState, RedisTarget, Secrets } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { openMetrics } from '@/platform/metrics/store.ts';
import { newId, now } from '@/platform/time/clock.ts';
import { CONFIG } from '@/server/composition.ts';
import { limitedRouteFindings } from '@/server/known_routes.ts';
import { clearRunFolder, prepareDataFolder } from './data_folder.ts';
import { SUPERVISOR_FILE } from './file_indexes.ts';
import { logFindings, requireNoErrors } from './findings.ts';
import { Fleet, type FleetTiming } from './fleet.ts';
import { lockDataFolder } from './lock.ts';
import { claimPort } from './port.ts';
import { preflight } from './preflight.ts';
import { openRedisSource } from './redis_source.ts';
import { mergeReloaded } from './reload.ts';
import { resolveSecrets } from './secrets.ts';
import { listenForSignals } from './signals.ts';
import { openStorage, type Storage } from './storage.ts';
import { showFirstPassword, urlOf } from './welcome.ts';
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

/** Runs the server until it is told to stop or cannot go on; resolves with the exit code. */
export async function runSupervisor(options: SupervisorOptions): Promise<number> {
  try {
    await new Supervisor(options).run();
    return 0;
  } catch (error) {
    if (error instanceof StoppedEarly) return 0;
    if (error instanceof CommandFailure) {
      options.log.error(error.message, { exit_code: error.exitCode });
      return error.exitCode;
    }
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
      options.log.error(`there is no room left on the disk of the data folder ${options.dataDir}`, {
        exit_code: 1,
      });
      return 1;
    }
    options.log.error('the server failed', { error, exit_code: 1 });
    return 1;
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
  private reloads: Promise<void> = Promise.resolve();
  private storage: Storage | null = null;
  private fleet: Fleet | null = null;

  constructor(private readonly options: SupervisorOptions) {
    this.config = liveConfig(options.config);
  }

  async run(): Promise<void> {
    const { log } = this.options;
    await using resources = new AsyncDisposableStack();
    resources.defer(
      listenForSignals({
        stop: (signal) => this.askToStop(signal),
        stopNow: () => this.fleet?.killAll(),
        reload: () => this.reload(),
      }),
    );
    const fleet = await this.open(resources);
    const cause = await this.serve(fleet);
    log.info('stopping', cause instanceof CommandFailure ? { cause: cause.message } : { signal: cause });
    await this.stop(fleet);
    if (cause instanceof CommandFailure) throw cause;
  }

  /** Everything up to the workers; what is opened is left to `resources` to close, in reverse order. */
  private async open(resources: AsyncDisposableStack): Promise<Fleet> {
    const { dataDir, environment, log } = this.options;
    const paths = prepareDataFolder(dataDir);
    const lock = lockDataFolder(paths);
    resources.defer(() => lock.release());
    await this.checkStart(paths);
    await this.choosePort();
    const secrets = await resolveSecrets({ paths, environment, config: this.config.current, log });
    clearRunFolder(paths);

    const turns = await serveTurns(paths.turnsSocket, log);
    resources.defer(() => turns.close());
    const metrics = openMetrics({ folder: paths.metrics, file: SUPERVISOR_FILE });
    resources.defer(() => metrics.close());
    const redis = await openRedisSource({
      config: this.config.current.redis,
      paths,
      log,
      metrics,
      moved: () => this.tellFleetState(redis.target),
    });
    resources.defer(() => redis.close());
    this.goOnUnlessStopped();

    const restarts = metrics.counter('ao_worker_restarts_total', {
      help: 'Workers that died unasked and were replaced.',
    });
    const storage = await openStorage({ config: this.config, paths, metrics, serverId: this.serverId, log });
    resources.defer(() => storage.close());
    this.storage = storage;
    this.goOnUnlessStopped();
    showFirstPassword(await storage.ensureFirstAdmin(environment.adminPassword));
    await storage.record({ action: 'server.started', details: { workers: this.workers } });

    const fleet = new Fleet({
      size: this.workers,
      silenceMs: this.config.current.server.worker_timeout_seconds * 1_000,
      command: () => this.options.workerCommand ?? workerCommand(),
      log,
      timing: this.options.timing ?? {},
      init: (slot, metricsFile) => this.initFor(slot, metricsFile, paths.root, secrets, redis.target),
      changed: () => this.tellFleetState(redis.target),
      restarted: () => restarts.inc(),
    });
    this.fleet = fleet;
    return fleet;
  }

  /** Resolves when the server has to stop: with the signal, or with why it cannot go on. */
  private async serve(fleet: Fleet): Promise<string | CommandFailure> {
    const { log } = this.options;
    const { server } = this.config.current;
    const end = Promise.race([fleet.failed, this.stopAsked.promise]);
    const started = fleet.start().then(() => null);
    const early = await Promise.race([started, end]);
    if (early !== null) return early;
    log.info('listening', {
      url: urlOf(server.host, server.port),
      workers: this.workers,
      role: server.role,
      server_id: this.serverId,
    });
    return end;
  }

  private async stop(fleet: Fleet): Promise<void> {
    const { log } = this.options;
    const { drain_seconds, shutdown_grace_seconds } = this.config.current.server;
    const killed = await fleet.stop((drain_seconds + shutdown_grace_seconds) * 1_000 + CLOSING_MS);
    if (killed > 0) log.warn('workers did not leave in time and were killed', { killed });
    await this.reloads;
    await this.record({ action: 'server.stopped', details: { signal: this.stopSignal, killed } });
    await this.storage
      ?.seal()
      .catch((error) => log.warn('the last audit events wait for the next start to be sealed', { error }));
    log.info('stopped', { uptime_seconds: Math.round((now() - this.startedAt) / 1_000) });
  }

  private askToStop(signal: string): void {
    this.stopSignal = signal;
    this.stopAsked.resolve(signal);
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

  private initFor(slot: number, metricsFile: number, dataDir: string, secrets: Secrets, redis: RedisTarget) {
    const { serverId } = this;
    const config = this.config.current;
    const fleet = this.fleetState(redis);
    return { type: 'init', slot, serverId, dataDir, config, secrets, fleet, metricsFile } as const;
  }

  private fleetState(redis: RedisTarget): FleetState {
    return {
      startedAt: this.startedAt,
      workersWanted: this.workers,
      workersReady: this.fleet?.ready ?? 0,
      redis,
    };
  }

  private tellFleetState(redis: RedisTarget): void {
    this.fleet?.broadcast({ type: 'fleet', fleet: this.fleetState(redis) });
  }

  /** One after the other, however fast the signals come. */
  private reload(): void {
    this.reloads = this.reloads.then(() => this.reloadOnce());
  }

  private async reloadOnce(): Promise<void> {
    const { log, reloadConfig } = this.options;
    try {
      const { config, applied, needRestart } = mergeReloaded(CONFIG, this.config.current, reloadConfig());
      this.config.replace(config);
      log.setLevel(config.log.level);
      this.fleet?.broadcast({ type: 'reload', config });
      log.info('configuration reloaded', { applied });
      if (needRestart.length > 0) log.warn('changed keys that need a restart', { keys: needRestart });
      await this.record({ action: 'config.reloaded', details: { applied, need_restart: needRestart } });
      logFindings(log, await limitedRouteFindings(config));
    } catch (error) {
      log.error('configuration refused, the running one stays', { reason: messageOf(error) });
      const details = { keys: error instanceof ConfigRefused ? error.keys : [] };
      await this.record({ action: 'config.reloaded', outcome: 'failure', details });
    }
  }

  /** An audit event that must not stop the server from stopping or going on. */
  private async record(event: Parameters<Storage['record']>[0]): Promise<void> {
    try {
      await this.storage?.record(event);
    } catch (error) {
      this.options.log.error('audit event of the server was not written', { action: event.action, error });
    }
  }
}

/** What supervisor and workers say to each other over Bun's IPC channel (JSON). */
import type { Config } from '@/platform/config/schema.ts';

/** Decided once by the supervisor, so that all workers sign and encrypt alike. Never logged. */
export interface Secrets {
  /** Newest first; the first signs, all verify. */
  readonly jwtSecrets: readonly string[];
  /** 32 bytes, base64: encrypts connector credentials. */
  readonly encryptionKey: string;
}

/** Where Redis is. `embedded` is the Unix socket of the supervisor's own. */
export interface RedisTarget {
  readonly mode: 'real' | 'embedded';
  /** Path of the embedded Redis's socket; empty in mode `real` (the configuration says where). */
  readonly socketPath: string;
  /** True when the embedded one stands in for a real one that could not be reached. */
  readonly fallback: boolean;
}

/** The state of this server's processes, sent to every worker on each change. */
export interface FleetState {
  /** Epoch milliseconds of the supervisor's start: counters count from here. */
  readonly startedAt: number;
  readonly workersWanted: number;
  /** Those that have been told to listen. */
  readonly workersReady: number;
  readonly redis: RedisTarget;
}

/** Everything a worker needs to begin. */
export interface WorkerInit {
  readonly type: 'init';
  readonly slot: number;
  /** Unique per server start: names lease owners and presence. */
  readonly serverId: string;
  readonly dataDir: string;
  readonly config: Config;
  readonly secrets: Secrets;
  readonly fleet: FleetState;
  /** Index of the metrics file this worker owns (see `platform/metrics`). */
  readonly metricsFile: number;
}

/** A proxy that forwards requests and is not trusted. */
export interface UntrustedProxy {
  /** Its address. */
  readonly peer: string;
  /** The header by which it names the client. */
  readonly header: string;
}

export type ToWorker =
  | WorkerInit
  | { readonly type: 'reload'; readonly config: Config }
  | { readonly type: 'fleet'; readonly fleet: FleetState }
  /** Opens the port. Brings the state of this moment, so that the very first answer tells it. */
  | { readonly type: 'listen'; readonly fleet: FleetState }
  | { readonly type: 'drain' };

export type ToSupervisor =
  | { readonly type: 'hello' }
  /** Everything is open but the port. */
  | { readonly type: 'prepared' }
  /** The port is open. */
  | { readonly type: 'ready' }
  /** A proxy that is not trusted forwards requests: said once by each worker, logged once for the server. */
  | ({ readonly type: 'untrusted_proxy' } & UntrustedProxy)
  /**
   * The worker cannot start; `message` says why for people. When it is `fatal` and no fleet was ever complete, the
   * supervisor stops with it.
   */
  | { readonly type: 'failed'; readonly message: string; readonly fatal: boolean }
  | { readonly type: 'drained' }
  /** Said every `ALIVE_EVERY_MS` by a worker whose event loop turns. */
  | { readonly type: 'alive' };

export const ALIVE_EVERY_MS = 500;

/** Signals that mean nothing to supervisor and workers, and that would end them unless somebody listens. */
export const IGNORED_SIGNALS = ['SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

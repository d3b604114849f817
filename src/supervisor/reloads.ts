/** SIGHUP: one reload after the other, however fast the signals come; each is logged and audited, whatever comes of it. */
import type { ReplaceableConfig } from '@/platform/config/live.ts';
import { ConfigRefused } from '@/platform/config/load.ts';
import type { Config } from '@/platform/config/schema.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';
import { CONFIG } from '@/server/composition.ts';
import { limitedRouteFindings } from '@/server/known_routes.ts';
import { logFindings } from './findings.ts';
import { mergeReloaded } from './reload.ts';
import type { Storage } from './storage.ts';

interface Options {
  readonly config: ReplaceableConfig;
  /** Reads the configuration again; throws CommandFailure for a bad one. */
  readonly read: () => Config;
  readonly log: Logger;
  /** The new configuration is in force here: tell the others. */
  readonly applied: (config: Config) => void;
  readonly record: (event: Parameters<Storage['record']>[0]) => Promise<void>;
  readonly begun: () => void;
  readonly ended: () => void;
}

export class Reloads {
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly options: Options) {}

  /** Resolves when those that were asked for are over. */
  get over(): Promise<void> {
    return this.last;
  }

  ask(): void {
    this.last = this.last.then(() => this.reload());
  }

  private async reload(): Promise<void> {
    const { config: running, read, log, applied: tell, record, begun, ended } = this.options;
    begun();
    try {
      const { config, applied, needRestart } = mergeReloaded(CONFIG, running.current, read());
      running.replace(config);
      log.setLevel(config.log.level);
      tell(config);
      log.info('configuration reloaded', { applied });
      if (needRestart.length > 0) log.warn('changed keys that need a restart', { keys: needRestart });
      await record({ action: 'config.reloaded', details: { applied, need_restart: needRestart } });
      logFindings(log, await limitedRouteFindings(config));
    } catch (error) {
      log.error('configuration refused, the current one stays in force', { reason: messageOf(error) });
      const details = { keys: error instanceof ConfigRefused ? error.keys : [] };
      await record({ action: 'config.reloaded', outcome: 'failure', details });
    }
    ended();
  }
}

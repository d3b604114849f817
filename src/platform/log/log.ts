/**
 * JSON lines on standard output: `time, level, msg`, then fields. Fields whose name says that they hold
 * a secret are masked wherever they stand, so that no caller has to remember to.
 */
import { messageOf } from '@/platform/errors/problem.ts';
import { now } from '@/platform/time/clock.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
  /** A logger whose every line carries `fields` as well. */
  with(fields: LogFields): Logger;
  /** Applies to this logger and all that `with` made of it. */
  setLevel(level: LogLevel): void;
}

const SECRET_NAME = /pass(word|wd)?$|secret|token$|authorization|api_?key$|cookie|credential/i;

/** The same value with everything under a secret-sounding name replaced by `[masked]`. */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  if (value === null || typeof value !== 'object' || depth > 6) return value;
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_NAME.test(key) && item !== null && item !== undefined && item !== ''
        ? '[masked]'
        : maskSecrets(item, depth + 1),
    ]),
  );
}

interface LogOptions {
  readonly level?: LogLevel;
  readonly fields?: LogFields;
  /** Takes one whole line without its newline; standard output unless given. */
  readonly write?: (line: string) => void;
}

/** A logger for one process. */
export function createLogger(options: LogOptions = {}): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(`${line}\n`));
  const threshold = { rank: LOG_LEVELS.indexOf(options.level ?? 'info') };
  const build = (bound: LogFields): Logger => {
    const at =
      (level: LogLevel) =>
      (msg: string, fields: LogFields = {}): void => {
        if (LOG_LEVELS.indexOf(level) < threshold.rank) return;
        const head = { time: new Date(now()).toISOString(), level, msg };
        try {
          write(JSON.stringify({ ...head, ...(maskSecrets({ ...bound, ...fields }) as object) }));
        } catch (error) {
          write(JSON.stringify({ ...head, log_error: messageOf(error) }));
        }
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => build({ ...bound, ...fields }),
      setLevel: (level) => {
        threshold.rank = LOG_LEVELS.indexOf(level);
      },
    };
  };
  return build(options.fields ?? {});
}

/** A logger that writes nothing, for tests and one-shot commands. */
export const silentLogger: Logger = createLogger({ write: () => undefined });

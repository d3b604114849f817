/**
 * JSON lines on standard output: `time, level, msg`, then fields. Fields whose name says that they hold
 * a secret are masked, so that no caller has to remember to.
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

const SECRET_NAME =
  /pass(word|wd)?$|(password|key)_?hash$|secrets?$|secret_|token$|authorization|(api|encryption|signing|private)_?key$|cookie|credentials?$/i;
const URL_USER = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;
const MASKED = '[masked]';
/** Deeper than any log line or audit event goes. */
const DEEPEST = 8;

/** Nothing, and what is only yes, no or a number, is no secret. */
const isSecret = (name: string, value: unknown): boolean =>
  SECRET_NAME.test(name) &&
  ((typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null));

/**
 * The same value with every text, list and object under a secret-sounding name replaced by `[masked]`, and so the user
 * and password of URLs in any text. What is nested too deeply to be looked at is left out.
 */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string')
    return value.includes('://') ? value.replace(URL_USER, `$1${MASKED}@`) : value;
  if (value === null || typeof value !== 'object') return value;
  if (depth > DEEPEST) return '[too deep]';
  if (value instanceof Error) {
    const { name, message, stack } = value;
    return { name, message: maskSecrets(message), stack: maskSecrets(stack) };
  }
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecret(name, item) ? MASKED : maskSecrets(item, depth + 1),
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

/** The only reader of the process's environment. An empty variable counts as one that is not set. */

/** Any set of environment variables. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Secrets and switches that never stand in the configuration file. */
export interface Environment {
  readonly jwtSecret: string | undefined;
  /** Verifies tokens that were signed before the last rotation. */
  readonly jwtSecretPrevious: string | undefined;
  /** Password of the first admin, used on an empty database only. */
  readonly adminPassword: string | undefined;
  /** 32 bytes in base64: encrypts connector credentials. */
  readonly encryptionKey: string | undefined;
  /** From AO_ENV. `production` refuses what is only good enough for a trial. */
  readonly mode: 'production' | 'development';
}

/** What the environment holds for the configuration: `AO_<SECTION>__<KEY>` and DATABASE_URL among the rest. */
export const processVariables = (): Variables => process.env;

export function readEnvironment(variables: Variables = processVariables()): Environment {
  const value = (name: string): string | undefined => variables[name] || undefined;
  return {
    jwtSecret: value('JWT_SECRET'),
    jwtSecretPrevious: value('JWT_SECRET_PREVIOUS'),
    adminPassword: value('AO_ADMIN_PASSWORD'),
    encryptionKey: value('AO_ENCRYPTION_KEY'),
    mode: value('AO_ENV')?.toLowerCase() === 'production' ? 'production' : 'development',
  };
}

/** The server that systemd is about to reload, as it tells the commands of `ExecReload=`. */
export const reloadedProcess = (variables: Variables = processVariables()): string | null =>
  variables.MAINPID || null;

/** What systemd, or who speaks like it, asks of the service that it has started. */
export interface ServiceManagerVariables {
  /** NOTIFY_SOCKET: where to say what the service is doing. */
  readonly socket: string | undefined;
  /** WATCHDOG_USEC: the longest silence that is taken for life; null when nobody watches this process. */
  readonly watchdogMs: number | null;
}

export function readServiceManager(variables: Variables = processVariables()): ServiceManagerVariables {
  const { WATCHDOG_PID, WATCHDOG_USEC } = variables;
  const microseconds = Number(WATCHDOG_USEC);
  const ours = !WATCHDOG_PID || WATCHDOG_PID === String(process.pid);
  return {
    socket: variables.NOTIFY_SOCKET || undefined,
    watchdogMs: ours && microseconds > 0 ? microseconds / 1_000 : null,
  };
}

/** Whether people want colours on their terminal: see no-color.org. */
export const wantsColour = (variables: Variables = processVariables()): boolean =>
  !variables.NO_COLOR && variables.TERM !== 'dumb';

/** The variables that do not configure this program: ours may hold secrets, and anybody of the same user sees them. */
export function withoutOurs(variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).filter(
      ([name]) => !/^(AO_|JWT_SECRET|DATABASE_URL(_FILE)?$|NOTIFY_SOCKET$|WATCHDOG_)/.test(name),
    ),
  );
}

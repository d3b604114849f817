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

/** The variables that do not configure this program: ours may hold secrets, and anybody of the same user sees them. */
export function withoutOurs(variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).filter(([name]) => !/^(AO_|JWT_SECRET|DATABASE_URL(_FILE)?$)/.test(name)),
  );
}

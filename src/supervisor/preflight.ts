/**
 * What can be known of a start before it: one list of checks, for the server that starts and for `config check`. They
 * change nothing, and ask neither Redis nor the database.
 */
import { existsSync } from 'node:fs';
import { firstPasswordFault } from '@/features/auth/users.ts';
import type { Environment } from '@/platform/config/environment.ts';
import type { Finding } from '@/platform/config/finding.ts';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { databaseUrlFault } from '@/platform/db/open.ts';
import { filePath } from '@/platform/db/sqlite/open.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import { authorityFault } from '@/platform/redis/client.ts';
import { CONFIG } from '@/server/composition.ts';
import { limitedRouteFindings } from '@/server/known_routes.ts';
import { dataFolderFault } from './data_folder.ts';
import { claimPort } from './port.ts';
import { secretFindings } from './secrets.ts';

export interface PreflightContext {
  readonly config: Config;
  readonly environment: Environment;
  readonly paths: DataPaths;
  /** The process of a server that is at work already and holds the port; null when there is none. */
  readonly running: string | null;
}

type Check = (context: PreflightContext) => readonly Finding[] | Promise<readonly Finding[]>;

const remarks: Check = ({ config }) => CONFIG.sections.flatMap((section) => section.remarks?.(config) ?? []);

const dataFolder: Check = ({ paths }) => {
  const fault = dataFolderFault(paths);
  return fault === null ? [] : [{ level: 'error', exitCode: 1, message: fault }];
};

const databaseUrl: Check = async ({ config, paths }) => {
  const fault = await databaseUrlFault({ url: config.database.url, paths });
  return fault === null ? [] : [{ level: 'error', pointer: '/database/url', message: fault }];
};

/** A server with a database looks at the password no more: only where there surely is none, it refuses for it. */
const firstAdmin: Check = async ({ config, environment, paths }) => {
  if (environment.adminPassword === undefined) return [];
  const fault = firstPasswordFault(environment.adminPassword, config);
  if (fault === null) return [];
  const { url } = config.database;
  const located = url.startsWith('sqlite:') && (await databaseUrlFault({ url, paths })) === null;
  if (located && !existsSync(filePath({ url, paths }))) {
    return [{ level: 'error', message: `AO_ADMIN_PASSWORD ${fault}` }];
  }
  const message = `AO_ADMIN_PASSWORD ${fault}: the server would refuse to start with it on an empty database, the only case in which it is used`;
  return [{ level: 'warning', message }];
};

const redisAuthority: Check = ({ config: { redis } }) => {
  const fault = redis.use_fake_redis ? null : authorityFault(redis);
  if (fault === null) return [];
  const pointer = '/redis/tls_ca_file';
  if (redis.required || !redis.allow_fallback) return [{ level: 'error', pointer, message: fault }];
  return [{ level: 'warning', pointer, message: `${fault}: the embedded Redis is used instead` }];
};

const port: Check = async ({ config: { server }, running }) => {
  if (running) {
    const message = `a server (process ${running}) is running already: a second one would be refused, and the port was not checked`;
    return [{ level: 'note', message }];
  }
  try {
    await claimPort(server.host, server.port);
    return [];
  } catch (error) {
    return [{ level: 'error', exitCode: 1, pointer: '/server/port', message: messageOf(error) }];
  }
};

const CHECKS: readonly Check[] = [
  remarks,
  ({ config }) => limitedRouteFindings(config),
  redisAuthority,
  databaseUrl,
  secretFindings,
  firstAdmin,
  dataFolder,
  port,
];

export async function preflight(context: PreflightContext): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const check of CHECKS) found.push(...(await check(context)));
  return found;
}

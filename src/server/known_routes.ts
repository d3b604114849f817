/** The routes that a configuration may limit, known without a server: `rate_limit.routes` is held against them. */

import type { Finding } from '@/platform/config/finding.ts';
import { liveConfig } from '@/platform/config/live.ts';
import { dataPaths } from '@/platform/config/paths.ts';
import type { Config } from '@/platform/config/schema.ts';
import { absentDatabase } from '@/platform/db/absent.ts';
import { nearest } from '@/platform/errors/suggestion.ts';
import { OpenStreams } from '@/platform/http/open_streams.ts';
import { RouteTable } from '@/platform/http/routes.ts';
import { pointerTo } from '@/platform/json/pointer.ts';
import { asPattern } from '@/platform/limits/policies.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { openModules } from '@/platform/module/open.ts';
import { buildApp } from './app.ts';
import { MODULES } from './modules.ts';
import { coreOf } from './open_services.ts';

const NO_KEY = Buffer.alloc(32).toString('base64');

let known: Promise<RouteTable> | null = null;

/** The same in every configuration: of a fleet whose servers share one, some serve the API and some only carry out runs. */
async function routesOfTheApi(config: Config): Promise<RouteTable> {
  const bare = coreOf({
    config: liveConfig({ ...config, server: { ...config.server, role: 'all' } }),
    paths: dataPaths('/'),
    db: absentDatabase,
    log: silentLogger,
    name: 'routes',
  });
  // Nothing is signed or sealed with these.
  const core = { ...bare, secrets: { jwtSecrets: [], encryptionKey: NO_KEY } };
  const modules = openModules(MODULES, core);
  const table = new RouteTable();
  table.fill(buildApp({ core, ...modules }, { streams: new OpenStreams(core) }));
  await modules.close();
  return table;
}

/** A limit for a route that does not exist is most likely a mistyped one. */
export async function limitedRouteFindings(config: Config): Promise<Finding[]> {
  const limited = Object.keys(config.rate_limit.routes);
  if (limited.length === 0) return [];
  known ??= routesOfTheApi(config);
  const table = await known;
  return limited.flatMap((route): Finding[] => {
    const pattern = asPattern(route);
    const [method = '', path = ''] = pattern.split(' ');
    if (table.find(method, path)) return [];
    const likely = nearest(
      pattern,
      table.all().map((facts) => `${facts.method} ${facts.path}`),
    );
    const message = `rate_limit.routes names a route that does not exist: ${route}${likely ? `; did you mean ${likely}?` : ''}`;
    return [{ level: 'warning', pointer: pointerTo('/rate_limit/routes', route), message }];
  });
}

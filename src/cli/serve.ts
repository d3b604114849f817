/** `serve`: the server itself, in the foreground. */
import { wantsColour } from '@/platform/config/environment.ts';
import { acceptedConfig } from '@/platform/config/load.ts';
import { createLogger } from '@/platform/log/log.ts';
import { standardOutput } from '@/platform/log/output.ts';
import type { Command } from './command.ts';
import {
  CONFIG_FLAG,
  DATA_FLAG,
  dataFolderOf,
  examinedConfigOf,
  VALUE_FLAGS,
  valueFlagsOf,
} from './locations.ts';

/** Nothing that the server writes is for other users of the machine. */
const PRIVATE = 0o077;

export const serve: Command = {
  name: 'serve',
  summary: 'Start the server.',
  about: [
    'Runs in the foreground until SIGTERM or SIGINT ends it in good order; a second one ends it at once. SIGHUP makes it read its configuration again. It logs on standard output, in a readable form on a terminal and as JSON lines elsewhere (log.format). The line "listening" says that all workers are ready.',
    'On an empty database the user "admin" is made, with AO_ADMIN_PASSWORD as password; without that variable a random one is made and printed once.',
  ],
  flags: {
    ...CONFIG_FLAG,
    ...VALUE_FLAGS,
    ...DATA_FLAG,
  },
  examples: [
    { command: 'serve', does: 'Port 8000, four workers, data in ./data' },
    {
      command: 'serve --config config/sample_config.json --port 9000 --workers 2',
      does: 'A configuration file, and two of its values changed',
    },
    {
      command: 'serve --config config/production.json --data-dir /var/lib/automation-orchestrator',
      does: 'In production: Redis and a secret are required',
      before: 'JWT_SECRET_FILE=/run/secrets/jwt_secret ',
    },
  ],
  async run(words) {
    process.umask(PRIVATE);
    const examine = () => examinedConfigOf(words, valueFlagsOf(words));
    const examined = examine();
    const config = acceptedConfig(examined);
    const { runSupervisor } = await import('@/supervisor/supervisor.ts');
    return runSupervisor({
      config,
      reloadConfig: () => acceptedConfig(examine()),
      dataDir: dataFolderOf(words),
      environment: examined.environment,
      findings: examined.findings,
      log: createLogger({
        level: config.log.level,
        write: standardOutput(config.log.format, wantsColour()).write,
      }),
    });
  },
};

/** `serve`: the server itself, in the foreground. */
import { processVariables, readEnvironment, wantsColour } from '@/platform/config/environment.ts';
import { loadConfig } from '@/platform/config/load.ts';
import { createLogger } from '@/platform/log/log.ts';
import { standardOutput } from '@/platform/log/output.ts';
import { CONFIG } from '@/server/composition.ts';
import type { Command } from './command.ts';
import { CONFIG_FLAG, DATA_FLAG, dataFolderOf } from './locations.ts';

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
    host: { value: 'H', help: 'Address to listen on (server.host, 127.0.0.1 unless configured).' },
    port: { value: 'N', help: 'Port to listen on (server.port, 8000 unless configured).' },
    workers: { value: 'N', help: 'Worker processes (server.workers, 4 unless configured).' },
    role: { value: 'all|api|runner', help: 'Serve the API, carry out runs, or both (server.role).' },
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
      before: 'JWT_SECRET="$(cat jwt_secret)" ',
    },
  ],
  async run(words) {
    process.umask(PRIVATE);
    const reloadConfig = () =>
      loadConfig(CONFIG, {
        file: words.text('config'),
        env: processVariables(),
        flags: {
          host: words.text('host'),
          port: words.text('port'),
          workers: words.text('workers'),
          role: words.text('role'),
        },
      });
    const config = reloadConfig();
    const { runSupervisor } = await import('@/supervisor/supervisor.ts');
    return runSupervisor({
      config,
      reloadConfig,
      dataDir: dataFolderOf(words),
      environment: readEnvironment(),
      log: createLogger({
        level: config.log.level,
        write: standardOutput(config.log.format, wantsColour()).write,
      }),
    });
  },
};

/**
 * The supervisor with fake workers, as a process of its own. One argument: JSON with `dataDir`, `config` (a file that
 * is read again on SIGHUP), `journal` and `behaviour` of the workers.
 */
import { readFileSync } from 'node:fs';
import { testConfig } from '@test/support/config.ts';
import { readEnvironment } from '@/platform/config/environment.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { createLogger } from '@/platform/log/log.ts';
import { runSupervisor } from '@/supervisor/supervisor.ts';
import { FAKE_WORKER } from './fakes.ts';

const given = JSON.parse(process.argv[2] ?? '') as Record<
  'dataDir' | 'config' | 'journal' | 'behaviour',
  string
>;

const readConfig = () => {
  try {
    return testConfig(JSON.parse(readFileSync(given.config, 'utf8')));
  } catch (error) {
    throw new CommandFailure('the file is bad', 2, { cause: error });
  }
};

process.exitCode = await runSupervisor({
  config: readConfig(),
  reloadConfig: readConfig,
  dataDir: given.dataDir,
  environment: readEnvironment(),
  log: createLogger(),
  workerCommand: [process.execPath, FAKE_WORKER, given.journal, given.behaviour],
  timing: { baseMs: 10, maxMs: 50 },
});
process.exit();

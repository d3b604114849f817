/** How a server that failed ends: one clear log line, and the exit code for who started it. */
import { CommandFailure } from '@/platform/errors/problem.ts';
import type { Logger } from '@/platform/log/log.ts';

/** Logs why the server ends and returns the exit code. */
export function reportedExitCode(error: unknown, log: Logger, dataDir: string): number {
  if (error instanceof CommandFailure) {
    log.error(error.message, { exit_code: error.exitCode });
    return error.exitCode;
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    log.error(`there is no space left on the disk of the data folder ${dataDir}`, { exit_code: 1 });
    return 1;
  }
  log.error('the server failed', { error, exit_code: 1 });
  return 1;
}

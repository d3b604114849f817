/** The entry of the one executable: a command line, or, as the supervisor starts it again, a worker. */
import { allPrinted, endWithReader } from '@/cli/output.ts';
import { runCommandLine } from '@/cli/run.ts';
import { WORKER_COMMAND } from '@/supervisor/worker_process.ts';

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv[0] === WORKER_COMMAND) {
    const { runWorker } = await import('@/server/worker.ts');
    return runWorker();
  }
  endWithReader();
  const exitCode = await runCommandLine(argv);
  await allPrinted();
  process.exit(exitCode);
}

void main();

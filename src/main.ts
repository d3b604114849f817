/** The entry of the one executable: a command line, or, as the supervisor starts it again, a worker. */
import { flushed, outliveReader } from '@/cli/output.ts';
import { WORKER_COMMAND } from '@/supervisor/worker_process.ts';

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // Without a channel to a supervisor it is a word that somebody has typed.
  if (argv[0] === WORKER_COMMAND && process.send) {
    outliveReader();
    const { runWorker } = await import('@/server/worker.ts');
    return runWorker();
  }
  const { runCommandLine } = await import('@/cli/run.ts');
  const exitCode = await runCommandLine(argv);
  await flushed();
  process.exit(exitCode);
}

void main();

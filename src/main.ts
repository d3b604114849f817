/** The entry of the one executable: a command line, or, as the supervisor starts it again, a worker. */
import { flushed, outliveReader } from '@/cli/output.ts';
import { IGNORED_SIGNALS } from '@/platform/ipc/messages.ts';
import { WORKER_COMMAND } from '@/supervisor/worker_process.ts';

/** By whoever serves, from the first line on: loading the rest takes as long as sending a signal. */
function outliveStraySignals(): void {
  for (const signal of ['SIGHUP', ...IGNORED_SIGNALS]) process.on(signal, () => undefined);
}

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // Without a channel to a supervisor it is a word that somebody has typed.
  if (argv[0] === WORKER_COMMAND && process.send) {
    outliveReader();
    outliveStraySignals();
    const { runWorker } = await import('@/server/worker.ts');
    return runWorker();
  }
  if (argv[0] === 'serve') outliveStraySignals();
  const { runCommandLine } = await import('@/cli/run.ts');
  const exitCode = await runCommandLine(argv);
  await flushed();
  process.exit(exitCode);
}

void main();

/** The same three trivial steps in openworkflow on its SQLite backend; prints enqueues/s and runs/s as JSON. */
import { OpenWorkflow } from 'openworkflow';
import { BackendSqlite } from 'openworkflow/sqlite';

const [, , file = '', count = '1000', concurrency = '64'] = Bun.argv;
const runs = Number(count);
const backend = BackendSqlite.connect(file);
const client = new OpenWorkflow({ backend });
let done = 0;
const finished = Promise.withResolvers<void>();
const workflow = client.defineWorkflow({ name: 'three-steps' }, async ({ step }) => {
  await step.run({ name: 'one' }, () => null);
  await step.run({ name: 'two' }, () => null);
  await step.run({ name: 'three' }, () => null);
  done += 1;
  if (done === runs) finished.resolve();
  return null;
});

const enqueueStart = performance.now();
let left = runs;
const enqueue = async (): Promise<void> => {
  while (left-- > 0) await workflow.run();
};
await Promise.all(Array.from({ length: Number(concurrency) }, enqueue));
const enqueueSeconds = (performance.now() - enqueueStart) / 1000;

const worker = client.newWorker({ concurrency: Number(concurrency) });
const start = performance.now();
await worker.start();
await finished.promise;
const seconds = (performance.now() - start) / 1000;
process.stdout.write(`${JSON.stringify({ enqueues: runs / enqueueSeconds, runs: runs / seconds })}\n`);
await worker.stop();
process.exit(0);

/** One process of the run benchmark: an executor over the data folder it is given; obeys `go` and `stop`. */
import { benchPaths, openEngine } from './runs_engine.ts';

const [, , folder = '', concurrency = '64'] = Bun.argv;
const { db, engine } = await openEngine(benchPaths(folder), Number(concurrency));
const executor = engine.executor(`bench-${process.pid}`);
process.stdout.write('ready\n');
for await (const line of console) {
  if (line === 'go') executor.start();
  if (line === 'stop') break;
}
await executor.stop(5000);
await db.close();

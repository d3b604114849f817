/** A worker's listener in a process of its own, on the port that is its argument; drains on SIGTERM and leaves. */
import { Elysia } from 'elysia';
import { silentLogger } from '@/platform/log/log.ts';
import { Listener } from '@/server/listener.ts';

const app = new Elysia().get('/', () => String(process.pid));
const port = Number(process.argv[2]);
const listener = Listener.open(app, { host: '127.0.0.1', port, maxBodyBytes: 1_000, log: silentLogger });
process.on('SIGTERM', () => {
  void listener.drain({ drainMs: 50, graceMs: 5_000 }).then(() => process.exit(0));
});
process.stdout.write(`${app.server?.port}\n`);

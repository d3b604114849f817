/** What the server is measured against: one worker of bare Bun or bare Elysia. Usage: bare_server.ts bun|elysia PORT */
import { Elysia } from 'elysia';

const [kind, port] = Bun.argv.slice(2);
const listen = { hostname: '127.0.0.1', port: Number(port), reusePort: true };

if (kind === 'bun') Bun.serve({ ...listen, fetch: () => Response.json({ status: 'ok' }) });
else new Elysia().get('/', () => ({ status: 'ok' })).listen(listen);

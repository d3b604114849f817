import { describe, expect, test } from 'bun:test';
import { Agent, get } from 'node:http';
import { resolve } from 'node:path';
import { Kind, Type } from '@sinclair/typebox';
import { until } from '@test/support/wait.ts';
import { type AnyElysia, Elysia } from 'elysia';
import { silentLogger } from '@/platform/log/log.ts';
import { Listener } from '@/server/listener.ts';

interface Answer {
  readonly status: number;
  readonly connection: string | undefined;
  readonly body: string;
}

const listen = (app: AnyElysia): { listener: Listener; port: number } => {
  const listener = Listener.open(app, {
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 1_000_000,
    log: silentLogger,
  });
  return { listener, port: app.server?.port ?? 0 };
};

/** One request over the agent's kept connection. */
function ask(port: number, path: string, agent: Agent): Promise<Answer> {
  const answer = Promise.withResolvers<Answer>();
  get({ host: '127.0.0.1', port, path, agent }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    response.on('end', () =>
      answer.resolve({ status: response.statusCode ?? 0, connection: response.headers.connection, body }),
    );
  }).on('error', answer.reject);
  return answer.promise;
}

const oneConnection = (): Agent => new Agent({ keepAlive: true, maxSockets: 1 });

describe('draining the port', () => {
  test('tells every kept connection to close, and fails none of their requests', async () => {
    const app = new Elysia().get('/', () => 'here').get('/moved', ({ redirect }) => redirect('/'));
    const { listener, port } = listen(app);
    let told = 0;
    const client = async (path: string): Promise<void> => {
      const agent = oneConnection();
      for (;;) {
        const answer = await ask(port, path, agent);
        expect([200, 302, 404]).toContain(answer.status);
        if (answer.connection !== 'close') continue;
        told += 1;
        agent.destroy();
        return;
      }
    };
    const clients = ['/', '/moved', '/nowhere', '/'].map(client);
    const agent = oneConnection();
    await ask(port, '/', agent);
    const drained = listener.drain({ drainMs: 300, graceMs: 1_000 });
    await Promise.all(clients);
    expect(told).toBe(4);
    // Newcomers are served while the drain lasts.
    expect(await ask(port, '/', new Agent())).toMatchObject({
      status: 200,
      connection: 'close',
      body: 'here',
    });
    expect(await drained).toBe(0);
    await expect(ask(port, '/', new Agent())).rejects.toThrow();
  });

  test('waits for a request in flight, and for its whole answer', async () => {
    const body = 'x'.repeat(3_000_000);
    const gate = Promise.withResolvers<void>();
    let arrived = false;
    const app = new Elysia().get('/slow', async () => {
      arrived = true;
      await gate.promise;
      return body;
    });
    const { listener, port } = listen(app);
    const answer = ask(port, '/slow', oneConnection());
    await until(() => arrived);
    const drained = listener.drain({ drainMs: 20, graceMs: 5_000 });
    setTimeout(() => gate.resolve(), 150);
    expect(await drained).toBe(0);
    expect((await answer).body.length).toBe(body.length);
  });

  test('cuts off what does not end within the grace, and says how many', async () => {
    let arrived = false;
    const app = new Elysia().get('/never', () => {
      arrived = true;
      return new Promise<string>(() => undefined);
    });
    const { listener, port } = listen(app);
    const answer = ask(port, '/never', oneConnection()).catch(() => 'cut off');
    await until(() => arrived);
    expect(await listener.drain({ drainMs: 10, graceMs: 100 })).toBe(1);
    expect(await answer).toBe('cut off');
  });
});

async function listenerProcess(port: number) {
  const script = resolve(import.meta.dir, 'support/listener_process.ts');
  const child = Bun.spawn([process.execPath, script, String(port)], { stdout: 'pipe', stderr: 'inherit' });
  const { value } = await child.stdout.getReader().read();
  return { child, port: Number(new TextDecoder().decode(value)) };
}

describe('of two workers on one port', () => {
  test('one can leave under a load of new connections, and none of them fails', async () => {
    const first = await listenerProcess(0);
    const second = await listenerProcess(first.port);
    let served = 0;
    let left = false;
    const client = async (): Promise<void> => {
      let after = 0;
      while (after < 50) {
        expect((await ask(first.port, '/', new Agent({ keepAlive: false }))).status).toBe(200);
        served += 1;
        if (left) after += 1;
      }
    };
    const clients = Promise.all([
      client(),
      client(),
      client(),
      client(),
      client(),
      client(),
      client(),
      client(),
    ]);
    await until(() => served > 200);
    first.child.kill('SIGTERM');
    expect(await first.child.exited).toBe(0);
    left = true;
    await clients;
    second.child.kill('SIGKILL');
    await second.child.exited;
  });
});

describe('an error outside of the app', () => {
  test('is answered with a problem document that shows nothing of it', async () => {
    const app = new Elysia({ systemRouter: false })
      .onRequest(() => undefined)
      .get('/', () => 'here', { response: Type.Unsafe({ [Kind]: 'NoSuchKind' }) });
    const { listener, port } = listen(app);
    const answer = await fetch(`http://127.0.0.1:${port}`);
    expect(answer.status).toBe(500);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.text()).not.toContain('NoSuchKind');
    await listener.drain({ drainMs: 0, graceMs: 0 });
  });
});

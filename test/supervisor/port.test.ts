import { describe, expect, test } from 'bun:test';
import { resolve } from 'node:path';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { claimPort } from '@/supervisor/port.ts';

/** Knocks on a port and counts how often it was open. */
const VISITOR = resolve(import.meta.dir, 'support/visitor.ts');

const refusal = async (host: string, port: number): Promise<CommandFailure> => {
  const outcome = await claimPort(host, port).catch((error: unknown) => error);
  if (outcome instanceof CommandFailure) return outcome;
  throw new Error(`not refused: ${outcome}`);
};

function occupy(hostname: string): { port: number; leave(): Promise<void> } {
  const server = Bun.serve({ hostname, port: 0, reusePort: true, fetch: () => new Response('taken') });
  return { port: server.port ?? 0, leave: () => server.stop(true) };
}

describe('the port', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['127.0.0.1', '0.0.0.0'],
  ])('taken on %s, also by one who shares it, is refused on %s', async (takenOn, wantedOn) => {
    const other = occupy(takenOn);
    const failure = await refusal(wantedOn, other.port);
    await other.leave();
    expect(failure.exitCode).toBe(1);
    expect(failure.message).toBe(
      `cannot listen on ${wantedOn}:${other.port}: the port is taken by another process`,
    );
  });

  test('is waited for when the workers of a killed server are just leaving it', async () => {
    const other = occupy('127.0.0.1');
    const claimed = claimPort('127.0.0.1', other.port);
    setTimeout(() => void other.leave(), 150);
    expect(await claimed).toBe(other.port);
  });

  test('is chosen for 0, and free afterwards for the workers', async () => {
    const port = await claimPort('127.0.0.1', 0);
    expect(port).toBeGreaterThan(0);
    await Bun.serve({ hostname: '127.0.0.1', port, reusePort: true, fetch: () => new Response('') }).stop(
      true,
    );
  });

  test('is refused on an address that is not of this machine', async () => {
    expect((await refusal('192.0.2.1', 8000)).message).toContain(
      '192.0.2.1:8000: this machine does not have',
    );
  });

  test('is not opened for the trial: nobody finds it open before the workers listen', async () => {
    const port = await claimPort('127.0.0.1', 0);
    const visitor = Bun.spawn([process.execPath, VISITOR, String(port), '2000'], { stdout: 'pipe' });
    let hasLeft = false;
    void visitor.exited.then(() => {
      hasLeft = true;
    });
    while (!hasLeft) {
      await claimPort('127.0.0.1', port);
      await new Promise((next) => setImmediate(next));
    }
    expect(await new Response(visitor.stdout).text()).toBe('0');
  });
});

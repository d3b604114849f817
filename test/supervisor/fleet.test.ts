import { describe, expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { until } from '@test/support/wait.ts';
import { Fleet, type FleetTiming } from '@/supervisor/fleet.ts';
import { lives, Scene } from './support/fakes.ts';

const QUICK: FleetTiming = { baseMs: 10, maxMs: 40, startTimeoutMs: 5_000, stableMs: 1_000 };

interface Counters {
  changed: number;
  restarted: number;
}

function fleetOf(
  scene: Scene,
  behaviour: string,
  options: { size?: number; silenceMs?: number; timing?: Partial<FleetTiming>; command?: string[] } = {},
): Fleet & { counters: Counters } {
  const counters: Counters = { changed: 0, restarted: 0 };
  const redis = { mode: 'embedded', socketPath: '', fallback: false } as const;
  const fleet = new Fleet({
    size: options.size ?? 2,
    silenceMs: options.silenceMs ?? 30_000,
    command: () => options.command ?? scene.command(behaviour),
    log: scene.log,
    timing: { ...QUICK, ...options.timing },
    init: (slot, metricsFile) => ({
      type: 'init',
      slot,
      serverId: 'server',
      dataDir: scene.dataDir,
      config: testConfig(),
      secrets: { jwtSecrets: ['s'], encryptionKey: 'k' },
      fleet: { startedAt: 0, workersWanted: 2, workersReady: 0, redis },
      metricsFile,
    }),
    state: () => ({ startedAt: 0, workersWanted: 2, workersReady: fleet.serving, redis }),
    untrustedProxy: () => undefined,
    changed: () => {
      counters.changed += 1;
    },
    restarted: () => {
      counters.restarted += 1;
    },
  });
  return Object.assign(fleet, { counters });
}

const filesOf = (scene: Scene): number[] =>
  scene.notes('init').map(({ message }) => (message?.type === 'init' ? message.metricsFile : -1));

describe('a fleet', () => {
  test('is started when every worker is ready, each with a slot and a metrics file of its own', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good', { size: 3 });
    await fleet.start();
    expect(fleet.ready).toBe(3);
    expect(new Set(fleet.pids).size).toBe(3);
    expect(filesOf(scene).sort()).toEqual([1, 2, 3]);
    expect(await fleet.stop(5_000)).toBe(0);
    expect(fleet.pids).toEqual([]);
    expect(scene.notes('drain')).toHaveLength(3);
    expect(scene.logged('worker died')).toEqual([]);
  });

  test('replaces a killed worker, which goes on with the metrics file of the dead one', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    await fleet.start();
    const [victim = 0] = fleet.pids;
    process.kill(victim, 'SIGKILL');
    await until(() => fleet.counters.restarted === 1 && fleet.ready === 2);
    expect(fleet.pids).not.toContain(victim);
    expect(filesOf(scene).slice(0, 2).sort()).toEqual([1, 2]);
    expect([1, 2]).toContain(filesOf(scene)[2] ?? 0);
    expect(fleet.counters.restarted).toBe(1);
    expect(scene.logged('worker died')[0]).toMatchObject({ cause: 'killed by SIGKILL', was_ready: true });
    await fleet.stop(5_000);
  });

  test('replaces a worker that was asked to leave without counting a death', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    await fleet.start();
    process.kill(fleet.pids[0] ?? 0, 'SIGTERM');
    await until(() => scene.notes('ready').length === 3 && fleet.ready === 2);
    expect(fleet.counters.restarted).toBe(0);
    expect(scene.logged('worker died')).toEqual([]);
    await fleet.stop(5_000);
  });

  test('gives up after five deaths before readiness, with the cause', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'broken');
    void fleet.start();
    const failure = await fleet.failed;
    expect(failure.exitCode).toBe(1);
    expect(failure.message).toContain('5 died before they were ready');
    expect(failure.message).toContain('exit code 9: no room for the cache');
    await fleet.stop(5_000);
    expect(scene.notes('init').length).toBeLessThanOrEqual(6);
  });

  test('gives up a first generation of which one worker cannot start', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'second-is-broken');
    void fleet.start();
    expect((await fleet.failed).message).toContain('exit code 9');
    expect(await fleet.stop(5_000)).toBe(0);
  });

  test('gives up at once when a worker says that none can start', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'refusing', { size: 1 });
    void fleet.start();
    expect((await fleet.failed).message).toBe('the database is newer than this program');
    await fleet.stop(5_000);
  });

  test('gives up when the command cannot be started at all', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, '', { command: ['/nonexistent/program'] });
    void fleet.start();
    expect((await fleet.failed).message).toContain('/nonexistent/program');
    await fleet.stop(5_000);
  });

  test('kills a worker that does not become ready in time', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'mute', { size: 1, timing: { startTimeoutMs: 150 } });
    void fleet.start();
    expect((await fleet.failed).message).toContain('not ready after 150 ms');
    await fleet.stop(5_000);
  });

  test('kills and replaces a worker that hangs', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good', { silenceMs: 2_000 });
    await fleet.start();
    const [victim = 0] = fleet.pids;
    process.kill(victim, 'SIGSTOP');
    await until(() => fleet.counters.restarted === 1 && fleet.ready === 2);
    expect(fleet.pids).not.toContain(victim);
    expect(scene.logged('worker died')).toMatchObject([
      { cause: 'killed by SIGKILL: it hung: no sign of life for 2000 ms', was_ready: true },
    ]);
    await fleet.stop(5_000);
  });

  test('waits longer before each restart of a worker that keeps dying', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good', { size: 1, timing: { baseMs: 20, maxMs: 60 } });
    await fleet.start();
    for (let deaths = 1; deaths <= 3; deaths += 1) {
      process.kill(fleet.pids[0] ?? 0, 'SIGKILL');
      await until(() => fleet.counters.restarted === deaths && fleet.ready === 1);
    }
    const waits = scene.logged('worker died').map((line) => Number(line.restart_in_ms));
    expect(waits[0]).toBeWithin(15, 21);
    expect(waits[1]).toBeWithin(30, 41);
    expect(waits[2]).toBeWithin(45, 61);
    await fleet.stop(5_000);
  });

  test('kills workers that do not leave in time and says how many', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'stubborn');
    await fleet.start();
    const { pids } = fleet;
    expect(await fleet.stop(100)).toBe(2);
    expect(pids.filter(lives)).toEqual([]);
  });

  test('stops while a dead worker waits for its restart', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good', { timing: { baseMs: 60_000, maxMs: 60_000 } });
    await fleet.start();
    process.kill(fleet.pids[0] ?? 0, 'SIGKILL');
    await until(() => fleet.counters.restarted === 1);
    expect(await fleet.stop(5_000)).toBe(0);
  });

  test('tells every worker what is broadcast', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    await fleet.start();
    fleet.broadcast({ type: 'reload', config: testConfig({ log: { level: 'error' } }) });
    await until(() => scene.notes('reload').length === 2);
    await fleet.stop(5_000);
  });
});

describe('the port of a fleet', () => {
  const told = (scene: Scene): unknown[] =>
    scene
      .notes('listen')
      .map(({ message }) => (message?.type === 'listen' ? message.fleet.workersReady : null));

  test('opens when all workers are prepared and it may be, and the first to open it knows of all', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good', { size: 3 });
    const permission = Promise.withResolvers<void>();
    const started = fleet.start(permission.promise);
    await until(() => scene.notes('prepared').length === 3);
    expect(fleet.serving).toBe(0);
    expect(scene.notes('listen')).toEqual([]);
    permission.resolve();
    await started;
    expect(told(scene)).toEqual([3, 3, 3]);
    await fleet.stop(5_000);
  });

  test('stays closed when it may not be opened, and the workers leave all the same', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    const refusal = Promise.reject(new Error('no'));
    refusal.catch(() => undefined);
    void fleet.start(refusal);
    await until(() => scene.notes('prepared').length === 2);
    expect(await fleet.stop(5_000)).toBe(0);
    expect(scene.notes('listen')).toEqual([]);
  });

  test('waits for the replacement of a worker that dies before it', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'second-dies-once');
    await fleet.start();
    expect(scene.notes('fell')).toHaveLength(1);
    expect(told(scene)).toEqual([2, 2]);
    await fleet.stop(5_000);
  });

  test('is opened at once by a replacement', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    await fleet.start();
    process.kill(fleet.pids[0] ?? 0, 'SIGKILL');
    await until(() => fleet.counters.restarted === 1 && fleet.ready === 2);
    expect(told(scene)).toEqual([2, 2, 2]);
    await fleet.stop(5_000);
  });

  test('is given up when no worker can open it', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'dies-at-the-port');
    void fleet.start();
    expect((await fleet.failed).message).toContain('died before they were ready');
    await fleet.stop(5_000);
  });
});

describe('processes that are started ahead', () => {
  test('do nothing until they may begin', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    fleet.spawn();
    await until(() => scene.notes('born').length === 2 && fleet.livedWithin(60_000));
    expect(scene.notes('init')).toEqual([]);
    await fleet.start();
    expect(scene.notes('born')).toHaveLength(2);
    await fleet.stop(5_000);
  });

  test('leave when the server is not to start', async () => {
    using scene = new Scene();
    const fleet = fleetOf(scene, 'good');
    fleet.spawn();
    await until(() => scene.notes('born').length === 2);
    const { pids } = fleet;
    await fleet.stop(0);
    expect(pids.filter(lives)).toEqual([]);
    expect(scene.notes('init')).toEqual([]);
  });
});

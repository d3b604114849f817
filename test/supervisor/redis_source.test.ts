import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { testConfig } from '@test/support/config.ts';
import { describeWithRedis, freeRedisPort, startRedis } from '@test/support/redis.ts';
import { until } from '@test/support/wait.ts';
import { CommandFailure } from '@/platform/errors/problem.ts';
import { prepareDataFolder } from '@/supervisor/data_folder.ts';
import { openRedisSource } from '@/supervisor/redis_source.ts';
import { Scene } from './support/fakes.ts';

const open = (scene: Scene, port: number, over: object = {}, moved: () => unknown = () => undefined) =>
  openRedisSource({
    config: testConfig({ redis: { host: '127.0.0.1', port, ...over } }).redis,
    paths: prepareDataFolder(scene.dataDir),
    log: scene.log,
    moved: () => void moved(),
    lookEveryMs: 30,
    lingerMs: 100,
  });

test('a server whose Redis is required and away is refused with host, port and cause', async () => {
  using scene = new Scene();
  const port = freeRedisPort();
  const refused = await open(scene, port, { required: true }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CommandFailure);
  expect(String(refused)).toContain(`127.0.0.1:${port}`);
  expect(String(refused)).toContain('connection refused');
});

test('the embedded Redis as configured looks for no other', async () => {
  using scene = new Scene();
  const source = await open(scene, freeRedisPort(), { use_fake_redis: true });
  expect(source.target).toMatchObject({ mode: 'embedded', fallback: false });
  expect(scene.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  await source.close();
  expect(existsSync(source.target.socketPath)).toBe(false);
});

describeWithRedis('a server that found Redis', () => {
  test('uses it and starts no other', async () => {
    using scene = new Scene();
    await using redis = await startRedis();
    const source = await open(scene, redis.port);
    expect(source.target).toEqual({ mode: 'real', socketPath: '', fallback: false });
    await source.close();
  });
});

describeWithRedis('a server that started on the fallback', () => {
  test('moves over when Redis appears, and lets the embedded one go a little later', async () => {
    using scene = new Scene();
    const port = freeRedisPort();
    let moves = 0;
    const source = await open(scene, port, {}, () => {
      moves += 1;
    });
    const { socketPath } = source.target;
    expect(source.target).toMatchObject({ mode: 'embedded', fallback: true });
    expect(scene.logged('Redis unavailable, using embedded fallback: ')).toHaveLength(1);
    await using _redis = await startRedis({ port });
    await until(() => moves === 1);
    expect(source.target).toEqual({ mode: 'real', socketPath: '', fallback: false });
    expect(existsSync(socketPath)).toBe(true);
    await until(() => !existsSync(socketPath));
    await source.close();
    expect(moves).toBe(1);
  });

  test('stops looking when it stops', async () => {
    using scene = new Scene();
    using elsewhere = new Scene();
    const port = freeRedisPort();
    const moved: string[] = [];
    const stopped = await open(scene, port, {}, () => moved.push('stopped'));
    const looking = await open(elsewhere, port, {}, () => moved.push('looking'));
    await stopped.close();
    await using _redis = await startRedis({ port });
    // Looks as often: when this one has found it, the other would have, too.
    await until(() => moved.includes('looking'));
    expect(moved).toEqual(['looking']);
    await looking.close();
  });
});

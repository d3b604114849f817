/** What a Redis must do to be called usable; a replica, or one without memory, answers and is of no use. */
import { Cluster } from 'ioredis';
import type { RedisClient } from './client.ts';

const KEY = 'link:check';
const KEPT_MS = 1000;

/** Whether every server answers: a cluster sends a command without a key to any one of its nodes. Throws if not. */
export async function checkAnswers(client: RedisClient): Promise<void> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  await Promise.all(servers.map((server) => server.ping()));
}

/** Whether every server answers, and a write is taken. Throws if not. */
export async function checkUsable(client: RedisClient): Promise<void> {
  await Promise.all([checkAnswers(client), client.set(KEY, '1', 'PX', KEPT_MS)]);
}

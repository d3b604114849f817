/** Everything the server writes, by name, under the data folder. */
import { join } from 'node:path';

export interface DataPaths {
  readonly root: string;
  /** Sockets, lock and metrics of the running server: worthless after it stops. */
  readonly run: string;
  readonly secrets: string;
  readonly auditBackups: string;
  readonly lock: string;
  readonly redisSocket: string;
  readonly turnsSocket: string;
  readonly metrics: string;
  readonly auditHeads: string;
}

export const dataPaths = (root: string): DataPaths => ({
  root,
  run: join(root, 'run'),
  secrets: join(root, 'secrets'),
  auditBackups: join(root, 'backups', 'audit'),
  lock: join(root, 'run', 'server.lock'),
  redisSocket: join(root, 'run', 'redis.sock'),
  turnsSocket: join(root, 'run', 'turns.sock'),
  metrics: join(root, 'run', 'metrics'),
  auditHeads: join(root, 'audit_heads.jsonl'),
});

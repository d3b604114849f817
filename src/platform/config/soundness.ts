/** What a schema cannot say: values that fit by themselves and still cannot work. */
import { Cron } from 'croner';
import { messageOf } from '@/platform/errors/problem.ts';
import { parseRange } from '@/platform/net/ranges.ts';
import type { ConfigProblem } from './problems.ts';
import type { Config } from './schema.ts';

function addressProblems(pointer: string, list: readonly string[]): ConfigProblem[] {
  return list.flatMap((text, index) =>
    parseRange(text)
      ? []
      : [
          {
            pointer: `${pointer}/${index}`,
            message: `${JSON.stringify(text)} is neither an address nor a range such as 10.0.0.0/8`,
          },
        ],
  );
}

/** What is wrong with a cron expression, in words, or null. */
export function scheduleFault(expression: string): string | null {
  try {
    new Cron(expression, { paused: true, timezone: 'UTC' }).stop();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function scheduleProblems(schedule: string | null): ConfigProblem[] {
  const fault = schedule === null ? null : scheduleFault(schedule);
  if (fault === null) return [];
  return [
    {
      pointer: '/audit/backup_schedule',
      message: `audit.backup_schedule ${JSON.stringify(schedule)} is no cron expression: ${fault}`,
    },
  ];
}

export function soundnessProblems(config: Config): ConfigProblem[] {
  const problems = [
    ...addressProblems('/server/trusted_proxies', config.server.trusted_proxies),
    ...addressProblems('/outbound/allow_private', config.outbound.allow_private),
    ...scheduleProblems(config.audit.backup_schedule),
  ];
  if (config.redis.use_fake_redis && config.redis.required) {
    problems.push({
      pointer: '/redis/required',
      message:
        'redis.required and redis.use_fake_redis exclude each other: the embedded Redis is not the one required',
    });
  }
  if (config.redis.sentinels.length > 0 && config.redis.cluster_nodes.length > 0) {
    problems.push({
      pointer: '/redis/cluster_nodes',
      message: 'redis.sentinels and redis.cluster_nodes exclude each other: give one of them',
    });
  }
  if (config.redis.cluster_nodes.length > 0 && config.redis.db !== 0) {
    problems.push({
      pointer: '/redis/db',
      message: 'redis.db must be 0 with a cluster: it has one database',
    });
  }
  if (config.runs.retry_base_ms > config.runs.retry_max_ms) {
    problems.push({
      pointer: '/runs/retry_base_ms',
      message: 'runs.retry_base_ms must not be above runs.retry_max_ms',
    });
  }
  return problems;
}

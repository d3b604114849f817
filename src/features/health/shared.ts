/**
 * The detailed answer as all workers of a server give it: made by one, read by the others through Redis. Callers that
 * reach one worker after another would else see figures jump back and forth in time.
 */
import type { RedisLink } from '@/platform/redis/link.ts';
import type { RedisCommands } from '@/platform/redis/script.ts';
import { now } from '@/platform/time/clock.ts';
import type { DetailedHealth } from './schema.ts';

interface Options {
  readonly redis: Pick<RedisLink, 'run' | 'state'>;
  readonly serverId: string;
}

/** How long an answer holds, counted from when the parts were asked. */
export const DETAILED_MS = 5_000;

const leftMs = ({ timestamp }: DetailedHealth): number => Date.parse(timestamp) + DETAILED_MS - now();
/** One from the future does not: the clock was set back, and its true age is not known. */
const holds = (answer: DetailedHealth): boolean => leftMs(answer) > 0 && leftMs(answer) <= DETAILED_MS;

export class SharedHealth {
  private readonly key: string;

  constructor(private readonly options: Options) {
    this.key = `health:${options.serverId}`;
  }

  /** Whether answers reach the other workers. */
  get active(): boolean {
    return this.options.redis.state === 'ready';
  }

  /** The answer that holds; null when none does, or while Redis is lost. */
  read(): Promise<DetailedHealth | null> {
    return this.options.redis.run((client) => this.find(client)).catch(() => null);
  }

  /** Makes `answer` hold for all workers, unless another one was faster; answers what holds. */
  async offer(answer: DetailedHealth): Promise<DetailedHealth> {
    if (!holds(answer)) return answer;
    const text = JSON.stringify(answer);
    const share = async (client: RedisCommands) => {
      const set = await client.set(this.key, text, 'PX', leftMs(answer), 'NX');
      return set === null ? ((await this.find(client)) ?? answer) : answer;
    };
    return this.options.redis.run(share).catch(() => answer);
  }

  private async find(client: RedisCommands): Promise<DetailedHealth | null> {
    const text = await client.get(this.key);
    const found: DetailedHealth | null = text === null ? null : JSON.parse(text);
    if (found === null || holds(found)) return found;
    // Redis goes by the same clock and would keep it for too long.
    await client.del(this.key);
    return null;
  }
}

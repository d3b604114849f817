/** The link of a process that has nobody to coordinate with: Redis that is lost for good, as any caller must bear. */
import type { RedisLink } from './link.ts';
import { RedisLost } from './lost.ts';

const NOWHERE = 'no Redis';

export const absentRedis: RedisLink = {
  target: { mode: 'embedded', socketPath: '', fallback: false },
  state: 'lost',
  endpoint: NOWHERE,
  spansKeys: true,
  run: async () => {
    throw new RedisLost(NOWHERE, 'this process has none');
  },
  publish: () => undefined,
  subscribe: () => () => undefined,
  retarget: async () => undefined,
  onStateChange: () => () => undefined,
  close: async () => undefined,
};

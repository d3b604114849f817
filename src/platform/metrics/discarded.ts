/** Metrics that keep nothing, for a process that nobody scrapes. */
import type { Metrics } from './instruments.ts';

export const discardedMetrics: Metrics = {
  counter: () => ({ inc: () => undefined }),
  gauge: () => ({ set: () => undefined, add: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  computed: () => undefined,
  collect: async () => [],
  close: () => undefined,
};

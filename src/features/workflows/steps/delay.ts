/** `delay`: the run rests in the database, occupies no worker, and survives any restart. */
import { Type } from '@sinclair/typebox';
import { iso, now } from '@/platform/time/clock.ts';
import { defineStep } from '../step.ts';

const LONGEST_MS = 365 * 86_400_000;

export const delay = defineStep({
  type: 'delay',
  description: 'Lets the run rest before it goes on.',
  parameters: {
    duration_ms: Type.Integer({ minimum: 0, maximum: LONGEST_MS, examples: [3_600_000] }),
  },
  compile: ({ duration_ms }) => ({
    reads: new Set(),
    run() {
      if (duration_ms === 0) return { output: null };
      const resumeAt = now() + duration_ms;
      return { output: { until: iso(resumeAt) }, resumeAt };
    },
  }),
});

/** The section `runs` of the configuration. */
import type { Static } from '@sinclair/typebox';
import type { ConfigProblem, ConfigSection } from '@/platform/config/schema.ts';
import { integer, live, section } from '@/platform/config/section.ts';

const Runs = section(
  {
    concurrency: integer(64, 1, 10_000, 'Runs that a worker executes at the same time.'),
    lease_seconds: integer(
      30,
      2,
      3600,
      'A run without a heartbeat for this long is taken over by another worker.',
    ),
    poll_interval_ms: integer(
      1000,
      20,
      60_000,
      'How often an idle worker looks for runs; new runs usually wake it sooner.',
    ),
    max_attempts: integer(5, 1, 100, 'Attempts of a step that sets no max_attempts of its own.'),
    retry_base_ms: integer(
      1000,
      1,
      3_600_000,
      'Delay before the first retry; it doubles with each further one.',
    ),
    retry_max_ms: integer(300_000, 1, 86_400_000, 'Longest delay between retries.'),
    retention_days: live(integer(30, 1, 36_500, 'How long finished runs are kept.')),
  },
  'The run engine.',
);

declare module '@/platform/config/schema.ts' {
  interface Config {
    runs: Static<typeof Runs>;
  }
}

const retryProblems = ({ runs }: { runs: Static<typeof Runs> }): ConfigProblem[] =>
  runs.retry_base_ms > runs.retry_max_ms
    ? [
        {
          pointer: '/runs/retry_base_ms',
          message: 'runs.retry_base_ms must not be above runs.retry_max_ms',
        },
      ]
    : [];

export const runsSection: ConfigSection = { name: 'runs', schema: Runs, problems: retryProblems };

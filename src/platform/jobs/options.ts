/** What a background job is told: when its rounds are due, what they do, and who may do them. */
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import type { Timers } from '@/platform/time/timers.ts';
import type { LeaseOptions } from './lease.ts';

type Rhythm =
  | {
      /** From the end of one round to the beginning of the next. */
      readonly everyMs: number;
      /** Up to this much is added to each wait by chance, so that many processes do not act together. */
      readonly jitterMs?: number;
      /** Before the first round; `everyMs` unless given. */
      readonly firstAfterMs?: number;
      readonly next?: never;
    }
  | {
      /**
       * How many milliseconds are left until a round is due: 0 or less for now. Asked again every other second, so that
       * a changed answer is followed.
       */
      readonly next: () => number;
      readonly everyMs?: never;
    };

export type JobOptions = Rhythm & {
  /** Names it in logs and metrics: `snake_case`. */
  readonly name: string;
  /** One round. Ends early when the signal fires: the job is stopped, or has lost its lease. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Asked before each round and before the lease: false when there is nothing to do. */
  readonly hasWork?: () => Promise<boolean>;
  /** For what only one process of all may do at a time. */
  readonly lease?: LeaseOptions;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** The longest wait between rounds that fail; a longer `everyMs` stays. */
  readonly longestBackoffMs?: number;
  /** A round that has been running for longer degrades the job's health. */
  readonly hangingAfterMs?: number;
  readonly timers?: Timers;
};

/**
 * `process_*` of this process, which its own file of metrics adds to those of the others: only the process itself
 * can measure them, so it does so on a timer, and when it is scraped.
 */
import { readdirSync } from 'node:fs';
import { Job } from '@/platform/jobs/job.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Counter, Gauge, Metrics } from '@/platform/metrics/instruments.ts';
import { monotonic } from '@/platform/time/clock.ts';

const EVERY_MS = 5_000;

export class ProcessMeter {
  readonly job: Job;
  private readonly cpu: Counter;
  private readonly resident: Gauge;
  private readonly heap: Gauge;
  private readonly descriptors: Gauge;
  private readonly lag: Gauge;
  private cpuSeconds = 0;
  /** On the monotonic clock: when the next measurement should begin; null before the first. */
  private dueAt: number | null = null;

  constructor({ metrics, log }: { readonly metrics: Metrics; readonly log: Logger }) {
    this.cpu = metrics.counter('process_cpu_seconds_total', {
      help: 'User and system time of all workers, including those that have died.',
    });
    this.resident = metrics.gauge('process_resident_memory_bytes', {
      help: 'Resident memory of all workers.',
      merge: 'sum',
    });
    this.heap = metrics.gauge('ao_process_heap_bytes', {
      help: 'JavaScript heap of all workers.',
      merge: 'sum',
    });
    this.descriptors = metrics.gauge('process_open_fds', {
      help: 'Open file descriptors of all workers.',
      merge: 'sum',
    });
    this.lag = metrics.gauge('ao_event_loop_lag_seconds', {
      help: 'Event loop lag of the slowest worker at its last measurement.',
      merge: 'max',
    });
    this.job = new Job({
      name: 'process_meter',
      everyMs: EVERY_MS,
      firstAfterMs: 0,
      // A measurement that failed must not make the next one look late.
      longestBackoffMs: EVERY_MS,
      run: async () => {
        const lateMs = this.dueAt === null ? 0 : monotonic() - this.dueAt;
        this.lag.set(Math.max(0, lateMs) / 1000);
        this.dueAt = monotonic() + EVERY_MS;
        this.measure();
      },
      log,
      metrics,
    });
  }

  measure(): void {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1_000_000;
    this.cpu.inc({}, Math.max(0, seconds - this.cpuSeconds));
    this.cpuSeconds = seconds;
    const { rss, heapUsed } = process.memoryUsage();
    this.resident.set(rss);
    this.heap.set(heapUsed);
    this.descriptors.set(openDescriptors());
  }
}

/** 0 where the system does not tell. */
function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

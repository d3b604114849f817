/**
 * `process_*` of this process, which its own file of metrics adds to those of the others: only the process itself
 * can measure them, so it does so on a timer, and when it is scraped.
 */
import { readdirSync } from 'node:fs';
import type { Counter, Gauge, Metrics } from '@/platform/metrics/instruments.ts';

const EVERY_MS = 5_000;

export class ProcessMeter {
  readonly name = 'process meter';
  private readonly cpu: Counter;
  private readonly resident: Gauge;
  private readonly heap: Gauge;
  private readonly descriptors: Gauge;
  private readonly lag: Gauge;
  private cpuSeconds = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private due = 0;

  constructor(metrics: Pick<Metrics, 'counter' | 'gauge'>) {
    this.cpu = metrics.counter('process_cpu_seconds_total', {
      help: 'User and system time of all workers, those that died included.',
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
      help: 'How late the timers of the most burdened worker were at its last measurement.',
      merge: 'max',
    });
  }

  start(): void {
    this.measure();
    this.due = performance.now() + EVERY_MS;
    this.timer ??= setInterval(() => {
      this.lag.set(Math.max(0, performance.now() - this.due) / 1000);
      this.due = performance.now() + EVERY_MS;
      this.measure();
    }, EVERY_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
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

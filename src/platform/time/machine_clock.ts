/** The monotonic clock of the whole machine, for who compares moments of several processes: the runtime shows only its own. */
import { openLibc } from '@/platform/native/libc.ts';

const CLOCK_MONOTONIC = 1;

/** A function that tells microseconds since the machine came up. Throws where there is no such clock. */
export async function machineClock(): Promise<() => bigint> {
  const { ptr } = await import('bun:ffi');
  const { clock_gettime } = await openLibc({ clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' } });
  /** `struct timespec`: seconds and nanoseconds. */
  const timespec = new BigInt64Array(2);
  return () => {
    if (clock_gettime(CLOCK_MONOTONIC, ptr(timespec)) !== 0) throw new Error('the clock cannot be read');
    const [seconds = 0n, nanoseconds = 0n] = timespec;
    return seconds * 1_000_000n + nanoseconds / 1_000n;
  };
}

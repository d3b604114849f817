/** Unix sockets have short names. */
import { CommandFailure } from '@/platform/errors/problem.ts';

/** `sun_path` of Linux holds 108 bytes with its final zero. */
const MAX_BYTES = 107;

/** Refuses a path that the kernel could not take, in words that say what to do. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_BYTES) return;
  throw new CommandFailure(
    `the path of the data folder is too long: its socket ${path} has ${bytes} bytes, the system allows ${MAX_BYTES}; ` +
      'choose a shorter --data-dir',
  );
}

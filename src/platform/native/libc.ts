/**
 * Functions of the C library, for what the runtime has no word for. Opened on first use, in the compiled binary as well,
 * over glibc and musl. Callers go on without when there is none.
 */
import type { FFIFunction, Library } from 'bun:ffi';

const NAMES = [
  'libc.so.6',
  `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`,
  'libc.so',
] as const;

/** The functions, by their C signatures. Throws when the library, or one of them, cannot be found. */
export async function openLibc<const Functions extends Record<string, FFIFunction>>(
  functions: Functions,
): Promise<Library<Functions>['symbols']> {
  const { dlopen } = await import('bun:ffi');
  const failures: unknown[] = [];
  for (const name of NAMES) {
    try {
      return dlopen(name, functions).symbols;
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}

/** Time, randomness and ids come from here alone, so that tests can hold them still. */

interface Sources {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from some beginning. */
  monotonic(): number;
  /** A fraction in [0, 1), for jitter. */
  random(): number;
}

const real: Sources = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
};
let sources: Sources = real;

/** Milliseconds since the Unix epoch. */
export const now = (): number => sources.now();

/** Milliseconds that go on evenly when somebody sets the wall clock: for what this process measures by itself. */
export const monotonic = (): number => sources.monotonic();

/** A fraction in [0, 1), for jitter; never for secrets. */
export const random = (): number => sources.random();

/** A time-ordered UUID (RFC 9562, version 7), of this moment unless another is given (epoch milliseconds). */
export const newId = (time = sources.now()): string => Bun.randomUUIDv7('hex', time);

/** What no id of this moment (epoch milliseconds) or later is below, and every earlier one is. */
export function lowestId(time: number): string {
  const hex = Math.min(Math.max(0, time), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}

/** ISO 8601 in UTC with milliseconds, the form every answer shows; null stays null. */
export function iso(epochMs: number): string;
export function iso(epochMs: number | null): string | null;
export function iso(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}

/** Replaces the sources for a test; returns the function that puts the real ones back. */
export function holdStill(replacement: Partial<Sources>): () => void {
  sources = { ...real, ...replacement };
  return () => {
    sources = real;
  };
}

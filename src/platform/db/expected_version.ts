/** Optimistic concurrency: a change may name the versions of a row that its author has seen. */
import { PreconditionFailed } from '@/platform/errors/problem.ts';

/** The versions one of which a change expects; null for any. */
export type ExpectedVersion = readonly number[] | null;

/** Throws 412 unless the version that `what` has now is among `expected`. */
export function requireVersion(what: string, version: number, expected: ExpectedVersion): void {
  if (expected === null || expected.includes(version)) return;
  throw new PreconditionFailed(
    `The ${what} is at version ${version}, which If-Match does not name: read it again and repeat the change.`,
    { headers: { etag: `"${version}"` } },
  );
}

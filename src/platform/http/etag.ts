/** Entity tags of versioned things (RFC 9110, sections 8.8.3 and 13.1). The tag is the version in quotes. */
import { MalformedRequest, PreconditionFailed } from '@/platform/errors/problem.ts';

export const etag = (version: number): string => `"${version}"`;

const tagsOf = (header: string): string[] => header.split(',').map((tag) => tag.trim());

/** Whether `If-None-Match` says that the client has this version already (weak comparison). */
export function isNotModified(request: Request, version: number): boolean {
  const header = request.headers.get('if-none-match');
  if (header === null) return false;
  return tagsOf(header).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag(version));
}

/** The version that `If-Match` demands; null when any will do. Throws 400 for a tag this server cannot have given. */
export function expectedVersion(request: Request): number | null {
  const header = request.headers.get('if-match');
  if (header === null || header.trim() === '*') return null;
  const match = /^\s*"(\d{1,15})"\s*$/.exec(header);
  if (!match) throw new MalformedRequest('If-Match must be one ETag as read before, such as "3", or *.');
  return Number(match[1]);
}

/** Throws 412 when `expected` (null: any will do) is not the version that `what` has now. */
export function requireVersion(what: string, version: number, expected: number | null): void {
  if (expected === null || expected === version) return;
  throw new PreconditionFailed(
    `The ${what} is at version ${version}, not ${expected}: read it again and repeat the change.`,
    { headers: { etag: etag(version) } },
  );
}

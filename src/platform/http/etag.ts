/**
 * Entity tags of versioned things (RFC 9110, sections 8.8.3 and 13.1). The tag is the version in quotes. A gzip-encoded
 * answer bears `"3-gzip"`: other bytes need another strong tag, and a weak one could not be used in `If-Match`. Either
 * names version 3.
 */
import { MalformedRequest } from '@/platform/errors/problem.ts';

export const etag = (version: number): string => `"${version}"`;

/** `"3"`, `W/"3"`, or several with commas between (RFC 9110, section 8.8.3). */
const TAGS = /^(W\/)?"[\x21\x23-\x7e\x80-\xff]*"(\s*,\s*(W\/)?"[\x21\x23-\x7e\x80-\xff]*")*$/;
const tagsOf = (header: string): string[] => header.split(',').map((tag) => tag.trim());
const strong = (tag: string): string => tag.replace(/^W\//, '');

/** The tag of the same version, gzip-encoded. */
export const gzipTag = (tag: string): string => tag.replace(/"$/, '-gzip"');

/** Whether a tag that `If-None-Match` names is that of `tag`, gzip-encoded. */
export const matchesGzipTag = (request: Request, tag: string): boolean =>
  tagsOf(request.headers.get('if-none-match') ?? '').some((each) => strong(each) === gzipTag(tag));

/** Whether `If-None-Match` says that the client has what bears this tag, encoded or not (weak comparison). */
export function isCurrent(request: Request, tag: string): boolean {
  const header = request.headers.get('if-none-match');
  if (header === null) return false;
  const tags = [tag, gzipTag(tag)];
  return tagsOf(header).some((each) => each === '*' || tags.includes(strong(each)));
}

/** The same of a version. */
export const isNotModified = (request: Request, version: number): boolean =>
  isCurrent(request, etag(version));

/**
 * The versions that `If-Match` names; null when any will do. Weak tags and tags of others name none (strong comparison).
 * Throws 400 for what is no list of tags.
 */
export function expectedVersions(request: Request): readonly number[] | null {
  const header = request.headers.get('if-match')?.trim() ?? '*';
  if (header === '*') return null;
  if (!TAGS.test(header)) {
    throw new MalformedRequest('If-Match must be ETags as read before, such as "3", or *.');
  }
  return tagsOf(header).flatMap((tag) => {
    const version = /^"(\d{1,15})(?:-gzip)?"$/.exec(tag)?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

/** What was really thrown: Elysia wraps whatever is thrown before a body is parsed. */
import { ParseError } from 'elysia';
import { Problem } from '@/platform/errors/problem.ts';

/** The problem inside a thrown thing, if it is or wraps one of ours. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  return error instanceof ParseError && error.cause instanceof Problem ? error.cause : null;
}

/** The media types of a request body in the API document: those that the route declares, JSON when it says nothing. */
import { completeInput, type InputDeclaration } from '@/platform/http/input.ts';

type Content = Record<string, Record<string, unknown>>;

/** What a body of `declared` input holds. `described` is what the schema of the body gave, under whatever media types. */
export function requestMedia(
  declared: InputDeclaration | undefined,
  described: Content | undefined,
): Content {
  const { kind, types } = completeInput(declared, 'required');
  const parsed = kind === 'json' || kind === 'form';
  // Of bytes nothing is known but that they are: an empty media object, as OpenAPI 3.1 has it.
  const media = parsed ? (described?.['application/json'] ?? {}) : {};
  return Object.fromEntries(types.map((type) => [type, media]));
}

/**
 * The macro by which a route says what it takes: `{ input: { kind: 'bytes', cap: 65_536 } }`. It only declares; the
 * server's input plugin reads it off every route and obeys. A route with a schema for its body that says nothing takes JSON,
 * one with neither takes nothing.
 */
import { type DocumentDecoration, Elysia } from 'elysia';

interface Declaration {
  /** Media types that are taken, without parameters; the usual one of the kind unless given. */
  readonly types?: readonly string[];
  /** Largest body in bytes; `server.max_body_bytes` unless given. */
  readonly cap?: number;
}

/**
 * - `json`, `form`: read, parsed and checked by the route's body schema. A form is application/x-www-form-urlencoded.
 * - `bytes`: the body exactly as it was sent (`bodyBytes`), for signatures.
 * - `stream`: not read at all; the handler reads it (`bodyStream`), and the cap counts while it does.
 */
export type InputDeclaration =
  | (Declaration & { readonly kind: 'json' | 'form' | 'bytes' })
  | (Declaration & {
      readonly kind: 'stream';
      /** Content codings that are undone on the way; the cap holds for both sizes. */
      readonly encodings?: readonly 'gzip'[];
    });

/** What a route takes, with nothing left out. */
export interface RouteInput {
  readonly kind: 'none' | InputDeclaration['kind'];
  readonly types: readonly string[];
  /** Null for `server.max_body_bytes`. */
  readonly cap: number | null;
  readonly encodings: readonly 'gzip'[];
  /** Whether the body may be left out. */
  readonly optional: boolean;
}

export const ANY_TYPE = '*/*';
const USUAL_TYPES = {
  json: ['application/json'],
  form: ['application/x-www-form-urlencoded'],
  bytes: [ANY_TYPE],
  stream: [ANY_TYPE],
} as const;
const NOTHING: RouteInput = { kind: 'none', types: [], cap: null, encodings: [], optional: true };

/** A declaration, or the lack of one, in full. `schema` says whether there is a schema for the body, and of what kind. */
export function completeInput(
  declared: InputDeclaration | undefined,
  schema: 'none' | 'optional' | 'required',
): RouteInput {
  if (!declared && schema === 'none') return NOTHING;
  const input = declared ?? { kind: 'json' };
  return {
    kind: input.kind,
    types: input.types ?? USUAL_TYPES[input.kind],
    cap: input.cap ?? null,
    encodings: (input.kind === 'stream' ? input.encodings : undefined) ?? [],
    optional: schema !== 'required',
  };
}

export const routeInput = new Elysia({ name: 'route-input' }).macro({
  input: (input: InputDeclaration) => {
    // Typed by hand: without a field that Elysia knows, the object would be taken for a schema.
    const detail: DocumentDecoration & { 'x-input': InputDeclaration } = { 'x-input': input };
    return { detail };
  },
});

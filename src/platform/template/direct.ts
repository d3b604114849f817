/**
 * Texts whose expressions only read paths, as nearly all do, are filled in without the machinery of Liquid, which costs
 * ten times as much. What they give is the same.
 */
import { Output, type Template as Part, TypeGuards, type Value } from 'liquidjs';
import type { Printed } from './encodings.ts';
import { contextFor } from './engine.ts';
import type { PrintedValue } from './inspect.ts';
import type { Writer } from './writer.ts';

export type Path = readonly (string | number)[];

type Piece = string | { readonly path: Path; readonly how: Printed };

/** Liquid's own way of reading a property, which needs nothing of a context. */
const reader = contextFor({});

export function pathOf({ initial, filters }: Value): Path | null {
  const [token, ...more] = initial.postfix;
  if (filters.length > 0 || more.length > 0 || !TypeGuards.isPropertyAccessToken(token)) return null;
  if (token.variable !== undefined) return null;
  const path: (string | number)[] = [];
  for (const prop of token.props) {
    if (!TypeGuards.isWordToken(prop) && !TypeGuards.isQuotedToken(prop) && !TypeGuards.isNumberToken(prop))
      return null;
    path.push(prop.content);
  }
  return path;
}

export function readPath(scope: object, path: Path): unknown {
  let value: unknown = scope;
  for (const key of path) {
    if (value === null || value === undefined) return value;
    value = reader.readProperty(value, key);
  }
  return value;
}

/** The text in pieces; null when it needs Liquid. */
export function piecesOf(parts: readonly Part[], printed: readonly PrintedValue[]): readonly Piece[] | null {
  const hows = new Map(printed.map(({ value, how }) => [value, how]));
  const pieces: Piece[] = [];
  for (const part of parts) {
    if (TypeGuards.isHTMLToken(part.token)) pieces.push(part.token.getContent());
    else {
      if (!(part instanceof Output)) return null;
      const path = pathOf(part.value);
      const how = hows.get(part.value);
      if (!path || !how) return null;
      pieces.push({ path, how });
    }
  }
  return pieces;
}

export function writePieces(pieces: readonly Piece[], scope: object, writer: Writer): string {
  for (const piece of pieces) {
    writer.write(typeof piece === 'string' ? piece : writer.encoded(readPath(scope, piece.path), piece.how));
  }
  return writer.buffer;
}

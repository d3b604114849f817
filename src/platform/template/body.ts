/**
 * The body of a request, written as its content type says: a form, JSON, HTML or XML, or any text. Where no content
 * type is given, texts are plain and everything else is JSON.
 */
import { pointerTo } from '@/platform/json/pointer.ts';
import { formEncoded } from './encodings.ts';
import type { Scope } from './expression.ts';
import { RenderError } from './failure.ts';
import {
  type CompileOptions,
  compileHtml,
  compileJsonText,
  compileValue,
  sourceAt,
  type Template,
  union,
} from './template.ts';

export interface Body {
  readonly content: string;
  /** What it is where no header says so. */
  readonly contentType: string;
}

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

type Kind = 'form' | 'json' | 'markup' | 'any';

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^application\/x-www-form-urlencoded$/, 'form'],
  [/^[^/]+\/(?:[^/]+\+)?json$/, 'json'],
  [/^(?:text\/html|[^/]+\/(?:[^/]+\+)?xml)$/, 'markup'],
];

function kindOf(contentType: string | undefined): Kind {
  const [type = ''] = (contentType ?? '').split(';');
  return KINDS.find(([pattern]) => pattern.test(type.trim().toLowerCase()))?.[1] ?? 'any';
}

/** The content type that headers give, in whatever case; one that only a template knows is taken for a text. */
export const contentTypeIn = (headers: Readonly<Record<string, string>>): string | undefined =>
  Object.entries(headers).findLast(([name]) => name.toLowerCase() === 'content-type')?.[1];

export function compileBody(
  source: unknown,
  contentType: string | undefined,
  options: CompileOptions,
): Template<Body> {
  switch (kindOf(contentType)) {
    case 'form':
      return bodyOf(compileForm(source, options), (content) => ({ content, contentType: FORM }));
    case 'json':
      return typeof source === 'string'
        ? bodyOf(compileJsonText(source, options), (content) => ({ content, contentType: JSON_TYPE }))
        : bodyOf(compileValue(source, options), asJson);
    case 'markup':
      if (typeof source !== 'string') break;
      return bodyOf(compileHtml(source, options), (content) => ({ content, contentType: TEXT_TYPE }));
    case 'any':
      break;
  }
  return bodyOf(compileValue(source, options), (value) =>
    typeof value === 'string' ? { content: value, contentType: TEXT_TYPE } : asJson(value),
  );
}

const bodyOf = <T>(template: Template<T>, make: (value: T) => Body): Template<Body> => ({
  reads: template.reads,
  render: (scope) => make(template.render(scope)),
});

const asJson = (value: unknown): Body => ({ content: JSON.stringify(value), contentType: JSON_TYPE });

/** A text in which each value is encoded, an object of fields, or one expression whose value is either. */
function compileForm(source: unknown, options: CompileOptions): Template<string> {
  if (typeof source === 'string') {
    const form = sourceAt(source, 'form', options);
    if (!form.alone) return { reads: form.reads, render: form.text };
    return {
      reads: form.reads,
      render: (scope) => {
        const value = form.value(scope);
        if (isFields(value)) return encodedForm(Object.entries(value), options.pointer);
        return form.raw && typeof value === 'string' ? value : form.text(scope);
      },
    };
  }
  if (!isFields(source)) {
    options.report(
      options.pointer,
      `the body of a form is an object of fields, or a text such as "name={{lead.email}}"`,
    );
    return { reads: new Set(), render: () => '' };
  }
  const fields = Object.entries(source).map(([name, value]) => {
    const pointer = pointerTo(options.pointer, name);
    const problem = fieldProblem(value);
    if (problem) options.report(pointer, problem);
    return [name, compileValue(value, { ...options, pointer })] as const;
  });
  return {
    reads: union(fields.map(([, template]) => template)),
    render: (scope: Scope) =>
      encodedForm(
        fields.map(([name, template]) => [name, template.render(scope)] as const),
        options.pointer,
      ),
  };
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function fieldProblem(value: unknown): string | null {
  const items = Array.isArray(value) ? value : [value];
  return items.some((item) => item !== null && typeof item === 'object')
    ? 'a field of a form is a text, a number, true, false, null (sent empty) or a list of these; write nested names out, as the server expects them'
    : null;
}

/** Lists repeat their name; null is empty. */
function encodedForm(fields: Iterable<readonly [string, unknown]>, pointer: string): string {
  const pairs: string[] = [];
  for (const [name, value] of fields) {
    const problem = fieldProblem(value);
    if (problem) throw new RenderError(`${pointerTo(pointer, name)}: ${problem}`);
    for (const item of Array.isArray(value) ? value : [value]) {
      pairs.push(`${formEncoded(name)}=${formEncoded(item === null ? '' : String(item))}`);
    }
  }
  return pairs.join('&');
}

/** The server's own API document as a judge: whether an answer is one that the document speaks of. */

import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Answer, RunningServer } from './server.ts';

export type Schema = { readonly [keyword: string]: unknown };

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  /** Null for an operation that takes no body. */
  readonly body: Schema | null;
}

interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Response>>; readonly schemas: Schema };
}

const ID = 'urn:test:document';
const token = (text: string): string => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));

export class ApiDocument {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly compiled = new Map<string, ValidateFunction>();

  private constructor(private readonly document: Document) {
    addFormats(this.ajv);
    this.ajv.addSchema({ ...document, $id: ID });
  }

  static async of(server: RunningServer): Promise<ApiDocument> {
    return new ApiDocument((await server.request('GET', '/api/openapi.json')).json<never>());
  }

  get operations(): Operation[] {
    return Object.entries(this.document.paths).flatMap(([path, ofPath]) =>
      Object.entries(ofPath).map(([method, { operationId, parameters = [], requestBody }]) => ({
        method: method.toUpperCase(),
        path,
        operationId,
        parameters,
        body: this.whole(requestBody?.content['application/json']?.schema) ?? null,
      })),
    );
  }

  /** A schema with the named ones in the places of their references. */
  private whole<T>(value: T): T {
    if (Array.isArray(value)) return value.map((item) => this.whole(item)) as T;
    if (typeof value !== 'object' || value === null) return value;
    const { $ref, ...rest } = value as { $ref?: string };
    const name = typeof $ref === 'string' ? $ref.split('/').at(-1) : undefined;
    const inner = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, this.whole(item)]));
    if (name === undefined) return inner as T;
    return { ...(this.whole(this.document.components.schemas[name]) as object), ...inner } as T;
  }

  /** What the document has against an answer to an operation; empty when it is as described. */
  faults({ method, path }: Pick<Operation, 'method' | 'path'>, answer: Answer): string[] {
    const described = this.document.paths[path]?.[method.toLowerCase()];
    if (!described) return [`${method} ${path} is not documented`];
    const status = String(answer.status);
    const given = described.responses[status];
    if (!given) return [`${status} is not documented; ${Object.keys(described.responses).join(', ')} are`];
    const shared = given.$ref?.split('/').at(-1);
    const response = shared === undefined ? given : this.document.components.responses[shared];
    const pointer =
      shared === undefined
        ? `/paths/${token(path)}/${method.toLowerCase()}/responses/${status}`
        : `/components/responses/${shared}`;
    const type = answer.headers.get('content-type')?.split(';')[0] ?? null;
    if (!response?.content) return answer.text === '' ? [] : ['has a body, and none is documented'];
    if (type === null || !(type in response.content)) return [`the content type ${type} is not documented`];
    if (!/^application\/(problem\+)?json$/.test(type)) return [];
    const validate = this.validator(`${pointer}/content/${token(type)}/schema`);
    if (validate(answer.json())) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  private validator(pointer: string): ValidateFunction {
    const known = this.compiled.get(pointer) ?? this.ajv.compile({ $ref: `${ID}#${pointer}` });
    this.compiled.set(pointer, known);
    return known;
  }
}

/**
 * Every refusal of the server, as RFC 9457 problem details. Services throw these; one place
 * (`server/plugins/errors.ts`) turns them into HTTP. `type` is stable: clients may switch on it.
 */

/** One invalid field of a request. `path` is a JSON pointer into `in`. */
export interface FieldError {
  readonly in: 'body' | 'query' | 'path' | 'header';
  readonly path: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly errors?: readonly FieldError[];
  /** Further members of the problem document (RFC 9457, section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** A refusal with a stable type, an HTTP status and a message for people. Never put a secret into `detail`. */
export class Problem extends Error {
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[] | undefined;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    readonly status: number,
    readonly type: string,
    readonly title: string,
    readonly detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'Problem';
    this.headers = options.headers ?? {};
    this.errors = options.errors;
    this.extensions = options.extensions ?? {};
  }
}

const named = (status: number, slug: string, title: string) =>
  class extends Problem {
    constructor(detail: string, options?: ProblemOptions) {
      super(status, `urn:ao:problem:${slug}`, title, detail, options);
    }
  };

export class MalformedRequest extends named(400, 'malformed-request', 'Malformed request') {}
export class Forbidden extends named(403, 'forbidden', 'Forbidden') {}
export class NotFound extends named(404, 'not-found', 'Not found') {}
export class MethodNotAllowed extends named(405, 'method-not-allowed', 'Method not allowed') {}
export class Conflict extends named(409, 'conflict', 'Conflict') {}
export class PreconditionFailed extends named(412, 'precondition-failed', 'Precondition failed') {}
export class PayloadTooLarge extends named(413, 'payload-too-large', 'Payload too large') {}
export class UnsupportedMediaType extends named(415, 'unsupported-media-type', 'Unsupported media type') {}
export class RangeNotSatisfiable extends named(416, 'range-not-satisfiable', 'Range not satisfiable') {}
export class InvalidRequest extends named(422, 'invalid-request', 'Invalid request') {}
export class Unavailable extends named(503, 'unavailable', 'Service unavailable') {}
export class StorageFull extends named(507, 'storage-full', 'Insufficient storage') {}

/** 401. Always carries the `WWW-Authenticate` challenge that RFC 9110 asks for. */
export class Unauthorized extends named(401, 'unauthorized', 'Unauthorized') {
  constructor(detail: string, error?: 'invalid_token') {
    const challenge = error
      ? `Bearer realm="automation-orchestrator", error="${error}"`
      : 'Bearer realm="automation-orchestrator"';
    super(detail, { headers: { 'www-authenticate': challenge } });
  }
}

/** 429 with the type and the fields of draft-ietf-httpapi-ratelimit-headers-10; `waitSeconds` is whole and at least 1. */
export class TooManyRequests extends Problem {
  constructor(
    detail: string,
    waitSeconds: number,
    policy: { readonly name: string; readonly field: string },
  ) {
    super(
      429,
      'https://iana.org/assignments/http-problem-types#quota-exceeded',
      'Too many requests',
      detail,
      {
        headers: {
          'retry-after': String(waitSeconds),
          'ratelimit-policy': policy.field,
          ratelimit: `"${policy.name}";r=0;t=${waitSeconds}`,
        },
        extensions: { 'violated-policies': [policy.name] },
      },
    );
  }
}

/** Ends a command with exit code 1 (it failed) or 2 (wrong usage or configuration) and one clear line, no stack. */
export class CommandFailure extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'CommandFailure';
  }
}

/** The message of anything thrown, for logs and wrapped errors. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** The generic REST connector: how a lead becomes a request of the configured shape, and an answer becomes a record id. */

import { pathProblem, type ScopeRoot } from '@/features/workflows/scope.ts';
import { InvalidRequest } from '@/platform/errors/problem.ts';
import { pointerSegments, pointerToken, valueAt } from '@/platform/json/pointer.ts';
import { headerProblem, type OutboundRequest } from '@/platform/outbound/client.ts';
import { mergedHeaders } from '@/platform/outbound/headers.ts';
import { compileBody, contentTypeIn } from '@/platform/template/body.ts';
import { hasTemplates, type Scope } from '@/platform/template/expression.ts';
import { type CompileOptions, compileHeader, compileUrl } from '@/platform/template/template.ts';
import type { Auth, ConnectorInput } from './schema.ts';

export type Settings = Required<Omit<ConnectorInput, 'auth'>>;

/** Makes the request for one lead. */
export type RequestFor = (scope: Scope, idempotencyKey: string) => OutboundRequest;

/** A connector serves many workflows, so it cannot read the steps of one. */
const connectorPathProblem = (roots: readonly ScopeRoot[], path: readonly string[]): string | null =>
  path[0] === 'steps' ? 'a connector cannot read steps' : pathProblem(roots, path, new Set());

const SECRET_HEADER = /^(proxy-)?authorization$|^cookie$|api-?key|token|secret|password/i;
/** Scheme and host, without any template: credentials must not follow a lead's value to another server. */
const FIXED_ORIGIN = /^https?:\/\/[^/{}?#@]+(?=[/?#]|$)/;

/** What is stored of an input: everything but the credentials, with defaults spelled out. */
export const settingsOf = (input: ConnectorInput): Settings => ({
  method: input.method,
  url: input.url,
  headers: input.headers ?? {},
  body: input.body === undefined ? '{{lead}}' : input.body,
  id_path: input.id_path,
  idempotency_header: input.idempotency_header === undefined ? 'Idempotency-Key' : input.idempotency_header,
  status_url: input.status_url ?? null,
});

export const originOf = (url: string): string => FIXED_ORIGIN.exec(url)?.[0].toLowerCase() ?? '';

/** Throws 422 that names every field that is wrong. */
export function compileRest(settings: Settings, auth: Auth, roots: readonly ScopeRoot[]): RequestFor {
  const errors: { in: 'body'; path: string; message: string }[] = [];
  const report = (path: string, message: string): void => void errors.push({ in: 'body', path, message });
  const at = (pointer: string): CompileOptions => ({
    pointer,
    check: (path) => connectorPathProblem(roots, path),
    report,
  });

  for (const field of ['url', 'status_url'] as const) {
    const value = settings[field];
    if (value !== null && !URL.canParse(originOf(value))) {
      report(`/${field}`, 'scheme and host must be written out: templates may only stand behind them');
    }
  }
  if (hasTemplates(settings.status_url ?? '')) report('/status_url', 'the status URL takes no templates');
  for (const [name, value] of Object.entries(settings.headers)) {
    const pointer = `/headers/${pointerToken(name)}`;
    if (SECRET_HEADER.test(name)) report(pointer, 'credentials belong in "auth", where they are encrypted');
    const problem = headerProblem(name, hasTemplates(value) ? '' : value);
    if (problem) report(pointer, problem);
  }
  for (const [pointer, name] of [
    ['/idempotency_header', settings.idempotency_header],
    ['/auth/name', auth.type === 'header' ? auth.name : null],
  ] as const) {
    const problem = name === null ? null : headerProblem(name, '');
    if (problem) report(pointer, problem);
  }
  const url = compileUrl(settings.url, at('/url'));
  const contentType = contentTypeIn(settings.headers) ?? 'application/json';
  const body = compileBody(settings.body, contentType, at('/body'));
  const headers = Object.entries(settings.headers).map(
    ([name, value]) => [name, compileHeader(value, at(`/headers/${pointerToken(name)}`))] as const,
  );
  if (errors.length > 0) throw new InvalidRequest('The connector configuration has errors.', { errors });

  return (scope, idempotencyKey) => ({
    method: settings.method,
    url: url.render(scope),
    headers: mergedHeaders(
      { accept: 'application/json', 'content-type': contentType },
      Object.fromEntries(headers.map(([name, value]) => [name, value.render(scope)])),
      settings.idempotency_header ? { [settings.idempotency_header]: idempotencyKey } : {},
      authHeaders(auth),
    ),
    body: body.render(scope).content,
  });
}

export function authHeaders(auth: Auth): Record<string, string> {
  switch (auth.type) {
    case 'none':
      return {};
    case 'bearer':
      return { authorization: `Bearer ${auth.token}` };
    case 'header':
      return { [auth.name]: auth.value };
    case 'basic':
      return {
        authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`,
      };
  }
}

/** A dot path or a JSON pointer as segments. */
function idPath(text: string): string[] {
  return text.startsWith('/') ? pointerSegments(text) : text.split('.');
}

/** The record id in an answer; null when it is not there or not a text or number. */
export function recordId(settings: Settings, answer: unknown): string | null {
  const value = valueAt(answer, idPath(settings.id_path));
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value !== '' && value.length <= 500 ? value : null;
}

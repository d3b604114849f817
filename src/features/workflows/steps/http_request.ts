/** `http.request`: one call to a server of the user's choice; its answer is the step's output. */

import { Type } from '@sinclair/typebox';
import { pointerToken } from '@/platform/json/pointer.ts';
import { headerProblem, type OutboundClient } from '@/platform/outbound/client.ts';
import { mergedHeaders } from '@/platform/outbound/headers.ts';
import { contentTypeIn } from '@/platform/template/body.ts';
import { hasTemplates } from '@/platform/template/expression.ts';
import { defineStep } from '../step.ts';
import { keptBody, requireSuccess } from './answer.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export const httpRequest = (outbound: Pick<OutboundClient, 'request'>) =>
  defineStep({
    type: 'http.request',
    description:
      'Sends one request; 2xx is success, 408, 409, 425, 429 and 5xx are tried again, other statuses fail the run.',
    parameters: {
      method: Type.Optional(
        Type.String({ enum: [...METHODS], pattern: `^(${METHODS.join('|')})$`, default: 'GET' }),
      ),
      url: Type.String({
        minLength: 1,
        maxLength: 4096,
        description: 'With templates; values behind the first character are percent-encoded.',
        examples: ['https://api.example.com/people/{{lead.email}}'],
      }),
      headers: Type.Optional(
        Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 8192 }), {
          description:
            'With templates. A value that headers cannot carry fails the step; `url_encode` encodes it.',
        }),
      ),
      body: Type.Optional(
        Type.Unknown({
          description:
            'With templates, whose values are encoded as the header `Content-Type` says: `application/x-www-form-urlencoded` (an object is sent as a form), JSON, HTML or XML. ' +
            'Without that header, texts are sent as they are, everything else as JSON.',
        }),
      ),
      idempotency_header: Type.Optional(
        Type.Union([Type.String({ minLength: 1, maxLength: 128 }), Type.Null()], {
          default: 'Idempotency-Key',
          description:
            'Header that bears the key of the step, the same on every repetition; null sends none.',
        }),
      ),
    },
    compile(step, compiler) {
      const method = step.method ?? 'GET';
      const url = compiler.url(step.url, '/url');
      if (!/^https?:\/\//.test(step.url) && !/^\{[{%]/.test(step.url)) {
        compiler.report('/url', 'must begin with http://, https:// or a template');
      } else if (!hasTemplates(step.url) && !URL.canParse(step.url)) {
        compiler.report('/url', 'is not a URL');
      }
      const headers = Object.entries(step.headers ?? {}).map(([name, value]) => {
        const pointer = `/headers/${pointerToken(name)}`;
        const problem = headerProblem(name, hasTemplates(value) ? '' : value);
        if (problem) compiler.report(pointer, problem);
        return [name, compiler.header(value, pointer)] as const;
      });
      if (step.body !== undefined && (method === 'GET' || method === 'HEAD')) {
        compiler.report('/body', `${method} takes no body`);
      }
      const contentType = contentTypeIn(step.headers ?? {});
      const body = step.body === undefined ? null : compiler.body(step.body, contentType, '/body');
      const keyHeader = step.idempotency_header === undefined ? 'Idempotency-Key' : step.idempotency_header;
      const keyProblem = keyHeader === null ? null : headerProblem(keyHeader, '');
      if (keyProblem) compiler.report('/idempotency_header', keyProblem);

      return {
        reads: new Set([
          ...url.reads,
          ...(body?.reads ?? []),
          ...headers.flatMap(([, value]) => [...value.reads]),
        ]),
        async run({ scope, idempotencyKey, timeoutMs, signal }) {
          const sent = body?.render(scope);
          const answer = await outbound.request({
            method,
            url: url.render(scope),
            headers: mergedHeaders(
              sent ? { 'content-type': sent.contentType } : {},
              Object.fromEntries(headers.map(([name, value]) => [name, value.render(scope)])),
              keyHeader ? { [keyHeader]: idempotencyKey } : {},
            ),
            body: sent?.content ?? null,
            timeoutMs,
            signal,
          });
          requireSuccess(answer, 'the server');
          return { output: { status: answer.status, ...keptBody(answer) } };
        },
      };
    },
  });

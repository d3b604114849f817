/** The OpenAPI document, and Swagger UI over it from inside the binary. Open to everybody, as the API's face. */
import { Type } from '@sinclair/typebox';
import { type AnyElysia, Elysia } from 'elysia';
import { NotFound } from '@/platform/errors/problem.ts';
import { accessControl } from '@/platform/http/access.ts';
import { openApiDocument } from '@/server/docs/document.ts';
import { DOCS_PATH, DOCUMENT_PATH, PAGE, PAGE_PARTS, PAGE_POLICY } from '@/server/docs/page.ts';

interface DocsOptions {
  /** The routes to describe, without the plugins that would act on requests. */
  readonly routes: AnyElysia;
  readonly version: string;
}

const HIDDEN = { access: 'public', detail: { hide: true } } as const;
/** The files change with the version of the server only, which is part of no path: ask again after a day. */
const KEPT = 'public, max-age=86400';

export function docs({ routes, version }: DocsOptions) {
  let document: Promise<string> | null = null;
  return new Elysia({ name: 'docs' })
    .use(accessControl)
    .get(
      DOCUMENT_PATH,
      async () => {
        document ??= openApiDocument(routes, version).then((made) => JSON.stringify(made));
        return new Response(await document, { headers: { 'content-type': 'application/json' } });
      },
      HIDDEN,
    )
    .get(DOCS_PATH, () => answer(PAGE, 'text/html; charset=utf-8', 'no-cache'), HIDDEN)
    .get(
      `${DOCS_PATH}/:file`,
      ({ params }) => {
        const part = PAGE_PARTS.get(params.file);
        if (!part) throw new NotFound(`The documentation has no file ${JSON.stringify(params.file)}.`);
        return answer(part.content(), part.type, KEPT);
      },
      { ...HIDDEN, params: Type.Object({ file: Type.String() }) },
    );
}

const answer = (content: string | Blob, type: string, cacheControl: string): Response =>
  new Response(content, {
    headers: { 'content-type': type, 'cache-control': cacheControl, 'content-security-policy': PAGE_POLICY },
  });

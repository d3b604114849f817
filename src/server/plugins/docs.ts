/** The OpenAPI document, and Swagger UI over it from inside the binary. Open to everybody, as the API's face. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { NotFound } from '@/platform/errors/problem.ts';
import { accessControl } from '@/platform/http/access.ts';
import { type DocumentOptions, openApiDocument } from '@/server/docs/document.ts';
import { KeptAnswer } from '@/server/docs/kept_answer.ts';
import { DOCS_PATH, DOCUMENT_PATH, openPage, PAGE_POLICY } from '@/server/docs/page.ts';

const HIDDEN = { access: 'public', detail: { hide: true } } as const;
/** Kept, but asked for again before each use. */
const ASK = { 'cache-control': 'no-cache' };
/** Whoever names the hash of a part gets that very part for as long as there are caches. */
const FOREVER = { 'cache-control': 'public, max-age=31536000, immutable' };
const POLICY = { 'content-security-policy': PAGE_POLICY };

export function docs(options: DocumentOptions) {
  let document: Promise<KeptAnswer> | null = null;
  let page: ReturnType<typeof openPage> | null = null;
  const opened = () => {
    page ??= openPage();
    return page;
  };
  return new Elysia({ name: 'docs' })
    .use(accessControl)
    .get(
      '/',
      ({ request, set }) => {
        set.headers.vary = 'accept';
        if (/\btext\/html\b/i.test(request.headers.get('accept') ?? '')) {
          return new Response(null, { status: 302, headers: { location: DOCS_PATH } });
        }
        return {
          name: 'automation-orchestrator',
          docs: DOCS_PATH,
          openapi: DOCUMENT_PATH,
          health: '/health',
        };
      },
      HIDDEN,
    )
    .get(
      DOCUMENT_PATH,
      async ({ request }) => {
        document ??= openApiDocument(options).then(
          (made) => new KeptAnswer(JSON.stringify(made), 'application/json'),
        );
        return (await document).to(request, ASK);
      },
      HIDDEN,
    )
    .get(DOCS_PATH, async ({ request }) => (await opened()).html.to(request, { ...ASK, ...POLICY }), HIDDEN)
    .get(
      `${DOCS_PATH}/:file`,
      async ({ request, params, query }) => {
        const part = (await opened()).parts.get(params.file);
        if (!part) throw new NotFound(`The documentation has no file ${JSON.stringify(params.file)}.`);
        return part.to(request, { ...(query.v === part.hash ? FOREVER : ASK), ...POLICY });
      },
      { ...HIDDEN, params: Type.Object({ file: Type.String() }) },
    );
}

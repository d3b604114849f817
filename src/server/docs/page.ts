/** The page of Swagger UI, entirely from files inside the binary: it works without any internet. */
import favicon from 'swagger-ui-dist/favicon-32x32.png' with { type: 'file' };
import styles from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import bundle from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };
import start from './browser/start.js' with { type: 'text' };
import { KeptAnswer } from './kept_answer.ts';

/** Under which paths the page finds its parts and the document. */
export const DOCS_PATH = '/api/docs';
export const DOCUMENT_PATH = '/api/openapi.json';

/** Swagger UI sets styles from scripts, and draws its icons from data URLs. Nothing comes from elsewhere. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const file = async (path: string, type: string): Promise<KeptAnswer> =>
  new KeptAnswer(await Bun.file(path).arrayBuffer(), type);

interface Page {
  readonly html: KeptAnswer;
  /** By file name. */
  readonly parts: ReadonlyMap<string, KeptAnswer>;
}

/** Read when it is first asked for. The page names each part with its hash. */
export async function openPage(): Promise<Page> {
  const parts = new Map([
    ['swagger-ui-bundle.js', await file(bundle, 'text/javascript; charset=utf-8')],
    ['swagger-ui.css', await file(styles, 'text/css; charset=utf-8')],
    ['favicon.png', await file(favicon, 'image/png')],
    ['start.js', new KeptAnswer(start, 'text/javascript; charset=utf-8')],
  ]);
  const address = (name: string): string => `${DOCS_PATH}/${name}?v=${parts.get(name)?.hash}`;
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Automation Orchestrator API</title>
    <link rel="icon" type="image/png" href="${address('favicon.png')}">
    <link rel="stylesheet" href="${address('swagger-ui.css')}">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${address('swagger-ui-bundle.js')}"></script>
    <script src="${address('start.js')}"></script>
  </body>
</html>
`;
  return { html: new KeptAnswer(html, 'text/html; charset=utf-8'), parts };
}

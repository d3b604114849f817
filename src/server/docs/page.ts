/** The page of Swagger UI, entirely from files inside the binary: it works without any internet. */
import favicon from 'swagger-ui-dist/favicon-32x32.png' with { type: 'file' };
import styles from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import bundle from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };

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

export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Automation Orchestrator API</title>
    <link rel="icon" type="image/png" href="${DOCS_PATH}/favicon.png">
    <link rel="stylesheet" href="${DOCS_PATH}/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${DOCS_PATH}/swagger-ui-bundle.js"></script>
    <script src="${DOCS_PATH}/start.js"></script>
  </body>
</html>
`;

export const START_SCRIPT = `SwaggerUIBundle({
  url: '${DOCUMENT_PATH}',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

interface PagePart {
  readonly content: () => string | Blob;
  readonly type: string;
}

/** The parts of the page, by file name. */
export const PAGE_PARTS: ReadonlyMap<string, PagePart> = new Map([
  ['swagger-ui-bundle.js', { content: () => Bun.file(bundle), type: 'text/javascript; charset=utf-8' }],
  ['swagger-ui.css', { content: () => Bun.file(styles), type: 'text/css; charset=utf-8' }],
  ['favicon.png', { content: () => Bun.file(favicon), type: 'image/png' }],
  ['start.js', { content: () => START_SCRIPT, type: 'text/javascript; charset=utf-8' }],
]);

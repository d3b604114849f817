/** What somebody does who explores the API in a browser: log in, authorise, call; with no other host asked for anything. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { ADMIN_PASSWORD, type RunningServer, startServer } from '@test/support/server.ts';
import { requireServices } from '@test/support/services.ts';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Browser, chromium, type Locator } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const absent = !existsSync(CHROMIUM) && !requireServices;
/** Keep it from calling home: the tests run on closed networks. */
const OFFLINE = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let server: RunningServer;
let browser: Browser | null = null;

beforeAll(async () => {
  server = await startServer({ workers: 2 });
  if (!absent) browser = await chromium.launch({ executablePath: CHROMIUM, args: OFFLINE });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server[Symbol.asyncDispose]();
});

interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  operationId?: string;
  security?: object[];
  parameters?: { name: string; description?: string; example?: unknown; schema: Schema }[];
  requestBody?: { content: Content };
  responses: Record<string, object>;
}
type Content = Record<string, { schema: Schema; example?: unknown }>;
interface Schema {
  [keyword: string]: unknown;
  examples?: unknown[];
}

/** Of an answer of this route; those that all routes share stand elsewhere in the document. */
const contentOf = (response: object): Content | undefined => (response as { content?: Content }).content;

test('the document is valid OpenAPI 3 and says of every route what it is for', async () => {
  const answer = await server.request('GET', '/api/openapi.json');
  const document = answer.json<{
    openapi: string;
    paths: Record<string, Record<string, Operation>>;
    components: { securitySchemes: object };
  }>();
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  expect(document.openapi).toStartWith('3.');
  expect(Object.keys(document.components.securitySchemes).toSorted()).toEqual(['apiKey', 'bearerAuth']);
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
  );
  expect(operations.length).toBeGreaterThan(30);
  for (const operation of operations) {
    expect([operation.name, operation.summary]).toEqual([operation.name, expect.any(String)]);
    expect([operation.name, operation.tags]).toEqual([operation.name, [expect.any(String)]]);
    expect([operation.name, operation.security]).toEqual([operation.name, expect.any(Array)]);
    expect([operation.name, Object.keys(operation.responses).some((status) => /^[23]/.test(status))]).toEqual(
      [operation.name, true],
    );
    for (const { name, description, example, schema } of operation.parameters ?? []) {
      expect([operation.name, name, description]).toEqual([operation.name, name, expect.any(String)]);
      const shown = example ?? schema.examples?.[0] ?? schema.default;
      const chosen = schema.anyOf !== undefined || schema.enum !== undefined || schema.type === 'boolean';
      expect([operation.name, name, shown !== undefined || chosen]).toEqual([operation.name, name, true]);
    }
    const contents = [operation.requestBody?.content, ...Object.values(operation.responses).map(contentOf)];
    for (const media of contents.flatMap((content) => content?.['application/json'] ?? [])) {
      const fits = ajv.compile(media.schema);
      fits(media.example);
      expect([operation.name, media.example !== undefined, fits.errors ?? []]).toEqual([
        operation.name,
        true,
        [],
      ]);
    }
    const refusals = Object.keys(operation.responses).filter((status) => /^4/.test(status));
    if (operation.security?.length)
      expect([operation.name, ...refusals]).toEqual(expect.arrayContaining(['401', '429']));
  }
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
});

test.skipIf(absent)(
  `in a browser: log in through the page, authorise, call /api/auth/me and see 200${absent ? ' (skipped: chromium is not installed)' : ''}`,
  async () => {
    const page = await browser?.newPage();
    if (!page) throw new Error('no browser');
    const foreign: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !request.url().startsWith('data:'))
        foreign.push(request.url());
    });
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });

    await page.goto(`${server.url}/api/docs`);
    const open = async (operation: string): Promise<Locator> => {
      const block = page.locator('.opblock', { has: page.locator(`[data-path="${operation}"]`) }).first();
      await block.locator('.opblock-summary-control').first().click();
      return block;
    };

    const login = await open('/api/auth/login');
    await login.locator('textarea').fill(JSON.stringify({ username: 'admin', password: ADMIN_PASSWORD }));
    await login.getByRole('button', { name: 'Execute' }).click();
    const shown = await login
      .locator('.live-responses-table .highlight-code, .live-responses-table code')
      .first()
      .textContent();
    const token = /"access_token":\s*"([^"]+)"/.exec(shown ?? '')?.[1] ?? '';
    expect(token.split('.')).toHaveLength(3);

    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialogue = page.locator('.auth-container', { hasText: 'bearerAuth' });
    await dialogue.locator('input').fill(token);
    await dialogue.getByRole('button', { name: 'Apply credentials' }).click();
    await page.getByRole('button', { name: 'Close' }).first().click();

    const me = await open('/api/auth/me');
    await me.getByRole('button', { name: 'Execute' }).click();
    const status = me.locator('.live-responses-table .response-col_status').last();
    await status.waitFor();
    expect((await status.textContent())?.trim()).toStartWith('200');
    expect(await me.locator('.live-responses-table').textContent()).toContain('"username": "admin"');
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  },
  60_000,
);

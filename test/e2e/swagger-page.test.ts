/**
 * What somebody new does on the page of the API: log in, then run one operation after the other from top to bottom, each
 * with what stands in its fields.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { browserAbsent, startBrowser } from '@test/support/browser.ts';
import { type RunningServer, startServer } from '@test/support/server.ts';
import type { Browser, Locator, Page } from 'playwright-core';

/** Not the one that stands as an example in the document: the default of the log-in must not work by chance. */
const PASSWORD = 'a password that no example shows';

/** What is refused when everything is run with its defaults, and why it must be. */
const MUST_FAIL: Readonly<Record<string, number>> = {
  // The run is still waiting: there is nothing to retry.
  'POST /api/runs/{id}/retry': 409,
  // No page may know the current password.
  'POST /api/auth/password': 422,
};

let server: RunningServer;
let browser: Browser | null = null;

beforeAll(async () => {
  server = await startServer({ workers: 2, env: { AO_ADMIN_PASSWORD: PASSWORD } });
  if (browserAbsent === null) browser = await startBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server[Symbol.asyncDispose]();
});

/** A new tab with the page open; what it asks other hosts for, and complains about, is noted. */
async function openPage(): Promise<{ page: Page; foreign: string[]; complaints: string[] }> {
  const page = await browser?.newPage();
  if (!page) throw new Error('no browser');
  const foreign: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('data:'))
      foreign.push(request.url());
  });
  page.on('console', (message) => {
    // Chromium says of every refusal that loading failed; those are looked at one by one.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${server.url}/api/docs`);
  await page.locator('.opblock').first().waitFor();
  return { page, foreign, complaints };
}

interface Block {
  readonly name: string;
  readonly element: Locator;
}

/** The operations as they stand on the page. */
async function blocksOf(page: Page): Promise<Block[]> {
  const elements = await page.locator('.opblock').all();
  return Promise.all(
    elements.map(async (element) => {
      const method = await element.locator('.opblock-summary-method').textContent();
      const path = await element.locator('.opblock-summary-path').getAttribute('data-path');
      return { name: `${method} ${path}`, element };
    }),
  );
}

async function blockOf(page: Page, name: string): Promise<Locator> {
  const found = (await blocksOf(page)).find((block) => block.name === name);
  if (!found) throw new Error(`${name} is not on the page`);
  return found.element;
}

/** Without the wait for the page to stand still, which is what takes long with so many clicks. */
const press = (button: Locator): Promise<void> => button.dispatchEvent('click');

async function unfold(element: Locator): Promise<void> {
  if ((await element.locator('.opblock-body').count()) === 0)
    await press(element.locator('.opblock-summary-control').first());
  await element.getByRole('button', { name: 'Execute' }).waitFor();
}

async function execute(element: Locator): Promise<number> {
  await unfold(element);
  await press(element.getByRole('button', { name: 'Execute' }));
  const status = element.locator('.live-responses-table .response-col_status').last();
  await status.waitFor();
  return Number.parseInt((await status.textContent()) ?? '', 10);
}

async function logIn(page: Page): Promise<void> {
  const login = await blockOf(page, 'POST /api/auth/login');
  await unfold(login);
  await login.locator('textarea').fill(JSON.stringify({ username: 'admin', password: PASSWORD }));
  expect(await execute(login)).toBe(200);
}

const skipped = browserAbsent === null ? '' : ` (skipped: ${browserAbsent})`;

describe.skipIf(browserAbsent !== null)(`in a browser${skipped}`, () => {
  test('everything runs from top to bottom with its defaults, once somebody has logged in', async () => {
    const { page, foreign, complaints } = await openPage();
    const blocks = await blocksOf(page);
    expect(blocks.length).toBeGreaterThan(40);
    expect(blocks[0]?.name).toBe('POST /api/auth/login');
    await logIn(page);
    const unexpected: string[] = [];
    for (const { name, element } of blocks.slice(1)) {
      const status = await execute(element);
      // Folded again, because each redraws when anything changes.
      await press(element.locator('.opblock-summary-control').first());
      const expected = MUST_FAIL[name] ?? null;
      if (expected === null ? !(status < 400) : status !== expected)
        unexpected.push(
          `${name}: ${status}: ${await element.locator('.live-responses-table').textContent()}`,
        );
    }
    expect(unexpected).toEqual([]);
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  }, 240_000);

  test('a log-in lasts beyond a reload, for this tab alone, and ends with the log-out', async () => {
    const { page } = await openPage();
    expect(await execute(await blockOf(page, 'GET /api/auth/me'))).toBe(401);
    await logIn(page);
    expect(await execute(await blockOf(page, 'GET /api/auth/me'))).toBe(200);
    await page.reload();
    await page.locator('.opblock').first().waitFor();
    expect(await execute(await blockOf(page, 'GET /api/auth/me'))).toBe(200);

    const other = await openPage();
    expect(await execute(await blockOf(other.page, 'GET /api/auth/me'))).toBe(401);
    await other.page.close();

    expect(await execute(await blockOf(page, 'POST /api/auth/logout'))).toBe(204);
    await page.reload();
    await page.locator('.opblock').first().waitFor();
    expect(await execute(await blockOf(page, 'GET /api/auth/me'))).toBe(401);
    await page.close();
  }, 60_000);

  test('a token that the server refuses is forgotten', async () => {
    const { page } = await openPage();
    await logIn(page);
    const token = await server.login('admin', PASSWORD);
    const everywhere = await server.request('POST', '/api/auth/logout?everywhere=true', { token });
    expect(everywhere.status).toBe(204);
    expect(await execute(await blockOf(page, 'GET /api/auth/me'))).toBe(401);
    expect(await page.evaluate('Object.keys(sessionStorage).filter((key) => key.endsWith("token"))')).toEqual(
      [],
    );
    await page.close();
  }, 60_000);

  test('ids are filled in from what was seen, but never over what somebody wrote', async () => {
    const { page } = await openPage();
    await logIn(page);
    await execute(await blockOf(page, 'POST /api/leads'));
    const read = await blockOf(page, 'GET /api/leads/{id}');
    await unfold(read);
    const field = read.locator('tr[data-param-name="id"] input');
    const first = await field.inputValue();
    expect(await execute(read)).toBe(200);
    await execute(await blockOf(page, 'POST /api/leads'));
    expect(await field.inputValue()).not.toBe(first);
    await field.fill(first);
    await execute(await blockOf(page, 'POST /api/leads'));
    expect(await field.inputValue()).toBe(first);
    await page.close();
  }, 60_000);
});

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type AuditFixture, auditOver } from '@test/support/audit.ts';
import { sqliteOpener } from '@test/support/databases.ts';
import { Elysia } from 'elysia';
import { auditRoutes } from '@/features/audit/routes.ts';
import type { BackupMade, ChainVerdict, EventPage } from '@/features/audit/schema.ts';
import { setContext } from '@/platform/http/context.ts';
import { silentLogger } from '@/platform/log/log.ts';

const open = sqliteOpener();
let fixture: AuditFixture;

beforeAll(async () => {
  fixture = auditOver(await open());
  await fixture.write(5);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const appOver = () =>
  new Elysia({ normalize: false })
    .onRequest(({ request }) => {
      setContext(request, {
        requestId: 'r',
        startedAt: 0,
        log: silentLogger,
        address: '::1',
        principal: null,
        responseHeaders: {},
        route: null,
        admit: async () => undefined,
      });
    })
    .use(auditRoutes({ ...fixture, paths: fixture.folder.paths }));

const call = (method: string, path: string) =>
  appOver().handle(new Request(`http://localhost/api/admin/audit${path}`, { method }));

test('a backup is made, listed and downloaded', async () => {
  const made = (await (await call('POST', '/backup?compress=true')).json()) as BackupMade;
  expect(made).toMatchObject({ compressed: true, events: 5 });
  expect((await ((await call('POST', '/backup')).json() as Promise<BackupMade>)).compressed).toBe(false);
  const listed = (await (await call('GET', '/backups')).json()) as { backups: BackupMade[] };
  expect(listed.backups).toHaveLength(2);
  const { backup_file, size_bytes, created_at } = made;
  expect(listed.backups[1]).toEqual({ backup_file, size_bytes, created_at } as BackupMade);
  const answer = await call('GET', `/backups/${made.backup_file}`);
  expect(answer.headers.get('content-type')).toBe('application/gzip');
  expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${made.backup_file}"`);
  expect((await answer.arrayBuffer()).byteLength).toBe(made.size_bytes);
  const { events } = await fixture.audit.events({ limit: 1 });
  expect(events[0]).toMatchObject({ action: 'audit.backup_downloaded', target: { id: made.backup_file } });
});

test('a name that is no backup is not found, however it is written', async () => {
  for (const name of ['x', '..%2F..%2Fsecrets%2Faudit_key', '%2e%2e', 'audit_backup_20200101_000000.log']) {
    expect((await call('GET', `/backups/${name}`)).status).not.toBe(200);
  }
});

test('events are read with filters, and the chain is verified', async () => {
  const page = (await (
    await call('GET', '/events?action=lead.*&to=2999-01-01T00:00:00Z')
  ).json()) as EventPage;
  expect(page).toMatchObject({ events: { length: 5 }, next_cursor: null });
  const cursor = page.events[1]?.id;
  const next = (await (await call('GET', `/events?cursor=${cursor}&action=lead.*`)).json()) as EventPage;
  expect(next.events).toHaveLength(3);
  for (const query of ['outcome=maybe', 'from=yesterday', 'cursor=x', 'unknown=1', 'action=%25']) {
    expect((await call('GET', `/events?${query}`)).status).toBe(422);
  }
  expect((await (await call('GET', '/verify')).json()) as ChainVerdict).toMatchObject({
    ok: true,
    problems: [],
  });
});

test('each route says which permission it needs', () => {
  const declared = auditRoutes({ ...fixture, paths: fixture.folder.paths }).routes.map(
    ({ method, path, hooks }) => `${method} ${path} ${hooks.detail['x-access']}`,
  );
  expect(declared.sort()).toEqual([
    'GET /api/admin/audit/backups audit:backup',
    'GET /api/admin/audit/backups/:name audit:backup',
    'GET /api/admin/audit/events audit:read',
    'GET /api/admin/audit/verify audit:read',
    'POST /api/admin/audit/backup audit:backup',
  ]);
});

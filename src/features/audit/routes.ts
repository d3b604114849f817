/** `/api/admin/audit` over HTTP. */
import { Elysia } from 'elysia';
import type { DataPaths } from '@/platform/config/paths.ts';
import type { Database } from '@/platform/db/database.ts';
import { RangeNotSatisfiable } from '@/platform/errors/problem.ts';
import { accessControl } from '@/platform/http/access.ts';
import { actorOf } from '@/platform/http/context.ts';
import type { AuditBackups } from './backup.ts';
import {
  BackupList,
  BackupMade,
  BackupName,
  BackupQuery,
  ChainVerdict,
  EventPage,
  EventQuery,
} from './schema.ts';
import type { AuditSealer } from './seal.ts';
import type { AuditLog } from './service.ts';
import { verifyChain } from './verify_chain.ts';

interface Services {
  readonly db: Database;
  readonly paths: DataPaths;
  readonly audit: AuditLog;
  readonly sealer: AuditSealer;
  readonly backups: AuditBackups;
}

const FILE = {
  'application/gzip': { schema: { type: 'string' as const, format: 'binary' } },
  'application/x-ndjson': { schema: { type: 'string' as const, format: 'binary' } },
};

/** Throws 416 where Bun itself would answer so, but without a word. */
function requireWithin(range: string | null, sizeBytes: number): void {
  const start = /^bytes=(\d+)-/.exec(range ?? '')?.[1];
  if (start === undefined || Number(start) < sizeBytes) return;
  throw new RangeNotSatisfiable(`The backup has ${sizeBytes} bytes.`, {
    headers: { 'content-range': `bytes */${sizeBytes}` },
  });
}

export const auditRoutes = ({ db, paths, audit, sealer, backups }: Services) =>
  new Elysia({ name: 'audit', prefix: '/api/admin/audit', tags: ['audit'] })
    .use(accessControl)
    .get('/events', ({ query }) => audit.events(query), {
      access: 'audit:read',
      query: EventQuery,
      response: { 200: EventPage },
      detail: {
        operationId: 'listAuditEvents',
        summary: 'Read the audit log',
        description: 'Newest first. All filters given must hold; page with `cursor`.',
      },
    })
    .get(
      '/verify',
      async ({ request, server }) => {
        server?.timeout(request, 0);
        return verifyChain({ db, paths, trusted: [await sealer.key()] });
      },
      {
        access: 'audit:read',
        response: { 200: ChainVerdict },
        detail: {
          operationId: 'verifyAuditChain',
          summary: 'Verify the live hash chain',
          description:
            'Reads every sealed event and compares with the signed heads outside the database. Takes some seconds per million events.',
        },
      },
    )
    .post(
      '/backup',
      ({ request, query, server }) => {
        server?.timeout(request, 0);
        return backups.create(actorOf(request), query);
      },
      {
        access: 'audit:backup',
        query: BackupQuery,
        response: { 200: BackupMade },
        detail: {
          operationId: 'createAuditBackup',
          summary: 'Back up the audit log',
          description:
            'Seals what has happened so far, then writes all events as JSON lines with a signed trailer. ' +
            'Verify the file anywhere with `automation-orchestrator audit verify FILE`.',
        },
      },
    )
    .get('/backups', async () => ({ backups: await backups.list() }), {
      access: 'audit:backup',
      response: { 200: BackupList },
      detail: {
        operationId: 'listAuditBackups',
        summary: 'List audit backups',
        description: 'Newest first.',
      },
    })
    .get(
      '/backups/:name',
      async ({ request, params, server }) => {
        const { name, path, compressed, sizeBytes } = await backups.open(params.name);
        requireWithin(request.headers.get('range'), sizeBytes);
        await backups.recordDownload(actorOf(request), name);
        server?.timeout(request, 0);
        const headers = {
          'content-type': compressed ? 'application/gzip' : 'application/x-ndjson',
          'content-disposition': `attachment; filename="${name}"`,
        };
        // A bare file would get a Content-Range from Elysia even where no range was asked for.
        return new Response(Bun.file(path), { headers });
      },
      {
        access: 'audit:backup',
        params: BackupName,
        detail: {
          operationId: 'downloadAuditBackup',
          summary: 'Download an audit backup',
          description:
            'The file as it is; a `Range` is heeded, so that a broken download can go on. The download is itself an audit event.',
          'x-refusals': { 416: 'The range starts beyond the end of the file.' },
          responses: {
            200: { description: 'The backup.', content: FILE },
            206: { description: 'The part that was asked for.', content: FILE },
          },
        },
      },
    );

/**
 * The CRM connector: configured through the API, credentials encrypted at rest, asked by `crm.upsert` steps.
 * Every worker sees a change within half a second, at once through Redis.
 */

import type { AuditLog } from '@/features/audit/service.ts';
import type { ScopeRoot } from '@/features/workflows/scope.ts';
import type { Database } from '@/platform/db/database.ts';
import { InvalidRequest, messageOf, NotFound, Unavailable } from '@/platform/errors/problem.ts';
import type { Actor } from '@/platform/identity/principal.ts';
import type { OutboundAnswer, OutboundClient } from '@/platform/outbound/client.ts';
import type { RedisLink } from '@/platform/redis/link.ts';
import type { Scope } from '@/platform/template/expression.ts';
import { cachedFor } from '@/platform/time/cached.ts';
import { iso, now } from '@/platform/time/clock.ts';
import { credentialKey, seal, unseal } from './credentials.ts';
import {
  authHeaders,
  compileRest,
  originOf,
  type RequestFor,
  recordId,
  type Settings,
  settingsOf,
} from './rest.ts';
import type { Auth, ConnectorInput, ConnectorStatus, ConnectorView } from './schema.ts';
import { type ConnectorRow, findConnector, putConnector } from './store.ts';

interface Options {
  readonly db: Database;
  readonly audit: AuditLog;
  readonly outbound: OutboundClient;
  readonly redis: Pick<RedisLink, 'publish' | 'subscribe'>;
  /** 32 bytes, base64. */
  readonly encryptionKey: string;
  /** What templates can read. */
  readonly scopeRoots: () => readonly ScopeRoot[];
}

interface Loaded {
  readonly row: ConnectorRow;
  readonly settings: Settings;
  readonly auth: Auth;
  readonly requestFor: RequestFor;
}

export interface UpsertCall {
  readonly scope: Scope;
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface UpsertAnswer extends OutboundAnswer {
  /** Where the record id is looked up in the parsed body. */
  readonly recordId: (body: unknown) => string | null;
}

const CRM = 'crm';
const CHANNEL = 'connectors';
const CACHED_MS = 500;
const STATUS_TIMEOUT_MS = 5000;
const STATUS_CACHED_MS = 10_000;
/** Beyond this a status is not worth more than the wait for a new one. */
const STATUS_STAND_IN_MS = 2 * STATUS_CACHED_MS;

export class ConnectorService {
  private readonly key: Buffer;
  private readonly load = cachedFor(CACHED_MS, () => this.read());
  private readonly cachedStatus = cachedFor(STATUS_CACHED_MS, () => this.ask(), STATUS_STAND_IN_MS);
  private readonly unsubscribe: () => void;

  constructor(private readonly options: Options) {
    this.key = credentialKey(options.encryptionKey);
    this.unsubscribe = options.redis.subscribe(CHANNEL, () => this.forget());
  }

  /** Puts the configuration in the place of what there was. Without `auth` the credentials stay, for the same host only. */
  async configure(actor: Actor, input: ConnectorInput): Promise<ConnectorView> {
    const settings = settingsOf(input);
    const view = await this.options.db.write(async (trx) => {
      const before = await findConnector(trx, CRM);
      const auth = input.auth ?? this.keptAuth(before, settings);
      compileRest(settings, auth, this.options.scopeRoots());
      const time = now();
      const row: ConnectorRow = {
        id: CRM,
        kind: 'rest',
        name: CRM,
        settings: JSON.stringify(settings),
        sealed_credentials: seal(this.key, CRM, JSON.stringify(auth)),
        created_at: before?.created_at ?? time,
        updated_at: time,
      };
      await putConnector(trx, row);
      await this.options.audit.record(trx, {
        actor,
        action: 'connector.configured',
        target: { type: 'connector', id: CRM },
        details: { method: settings.method, auth: auth.type, credentials_changed: input.auth !== undefined },
      });
      return toView(row, settings, auth);
    });
    this.forget();
    this.options.redis.publish(CHANNEL, CRM);
    return view;
  }

  /** The configuration without its credentials. Throws 404 when there is none. */
  async view(): Promise<ConnectorView> {
    const row = await findConnector(this.options.db.read, CRM);
    if (!row) throw new NotFound('No CRM is configured: use POST /api/crm/config.');
    return toView(row, JSON.parse(row.settings), this.authOf(row));
  }

  /** Sends one lead to the CRM; null when none is configured. Throws OutboundFailure and RenderError. */
  async upsert(call: UpsertCall): Promise<UpsertAnswer | null> {
    const connector = await this.load();
    if (!connector) return null;
    const request = connector.requestFor(call.scope, call.idempotencyKey);
    const { timeoutMs, signal } = call;
    const answer = await this.options.outbound.request({ ...request, timeoutMs, signal });
    return { ...answer, recordId: (body) => recordId(connector.settings, body) };
  }

  /** Asks the CRM now. */
  async status(): Promise<ConnectorStatus> {
    return this.ask().catch((error: unknown) => answered('unavailable', messageOf(error)));
  }

  /**
   * `status` for health checks: asked anew after ten seconds, while the last answer stands in for up to ten more, so
   * that frequent callers never wait for the CRM. Throws when the configuration cannot be read: that says nothing
   * about the CRM and is not cached.
   */
  health(): Promise<ConnectorStatus> {
    return this.cachedStatus();
  }

  close(): void {
    this.unsubscribe();
  }

  private forget(): void {
    this.load.clear();
    this.cachedStatus.clear();
  }

  private async ask(): Promise<ConnectorStatus> {
    const connector = await this.load();
    if (!connector) return answered('not_configured', 'No CRM is configured.');
    const { status_url } = connector.settings;
    if (status_url === null) return answered('ready', 'Configured; it has no status URL to ask.');
    const startedAt = performance.now();
    const elapsed = (): number => Math.round((performance.now() - startedAt) * 10) / 10;
    try {
      const { status } = await this.options.outbound.request({
        method: 'GET',
        url: status_url,
        headers: { accept: 'application/json', ...authHeaders(connector.auth) },
        timeoutMs: STATUS_TIMEOUT_MS,
      });
      const good = status >= 200 && status < 300;
      return answered(good ? 'ready' : 'degraded', `The CRM answered ${status}.`, elapsed());
    } catch (error) {
      return answered('unavailable', messageOf(error), elapsed());
    }
  }

  private async read(): Promise<Loaded | null> {
    const row = await findConnector(this.options.db.read, CRM);
    if (!row) return null;
    const settings: Settings = JSON.parse(row.settings);
    const auth = this.authOf(row);
    return { row, settings, auth, requestFor: compileRest(settings, auth, this.options.scopeRoots()) };
  }

  private authOf(row: ConnectorRow): Auth {
    if (row.sealed_credentials === null) return { type: 'none' };
    try {
      return JSON.parse(unseal(this.key, row.id, row.sealed_credentials));
    } catch (cause) {
      // Not the client's fault, and over when the key is back: runs that wait for it are tried again.
      throw new Unavailable(
        'The credentials of the CRM cannot be decrypted: the encryption key is not the one they were stored with. ' +
          'Start the server with that key (AO_ENCRYPTION_KEY), or configure the CRM anew with "auth".',
        { cause },
      );
    }
  }

  /** Credentials never follow a change of the host: whoever may change the URL could read them there. */
  private keptAuth(before: ConnectorRow | null, settings: Settings): Auth {
    if (!before) return { type: 'none' };
    const auth = this.authOf(before);
    const old: Settings = JSON.parse(before.settings);
    const origins = (of: Settings) => [of.url, of.status_url ?? of.url].map(originOf).join(' ');
    if (auth.type === 'none' || origins(old) === origins(settings)) return auth;
    throw new InvalidRequest('The host has changed: give the credentials again.', {
      errors: [{ in: 'body', path: '/auth', message: 'needed, because the host has changed' }],
    });
  }
}

const answered = (
  status: ConnectorStatus['status'],
  detail: string,
  latencyMs: number | null = null,
): ConnectorStatus => ({ status, detail, latency_ms: latencyMs, checked_at: iso(now()) });

const toView = (row: ConnectorRow, settings: Settings, auth: Auth): ConnectorView => ({
  ...settings,
  auth: { type: auth.type, configured: auth.type !== 'none' },
  created_at: iso(row.created_at),
  updated_at: iso(row.updated_at),
});

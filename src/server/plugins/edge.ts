/**
 * The first room every request enters: it gets an id, a clock and a context, and is answered with that id whatever
 * comes of it. An id that the client sends is kept, so that traces join up, if it is short and harmless.
 */

import { Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { clientAddress } from '@/platform/http/address.ts';
import { type Access, type RequestContext, setContext } from '@/platform/http/context.ts';
import type { OpenStreams } from '@/platform/http/open_streams.ts';
import type { Principal } from '@/platform/identity/principal.ts';
import type { Logger } from '@/platform/log/log.ts';
import { parseRanges } from '@/platform/net/ranges.ts';
import { newId } from '@/platform/time/clock.ts';

interface EdgeOptions {
  readonly config: LiveConfig;
  readonly log: Logger;
  /** The address at the other end of the connection; null when it is closed already. */
  readonly peerOf: (request: Request) => string | null;
  /** Decides on a request: see `admission.ts`. */
  readonly admit: (context: RequestContext, request: Request, route: string, access: Access) => Promise<void>;
  readonly stillAdmits: (context: RequestContext, request: Request) => Promise<boolean>;
  readonly streams: OpenStreams;
}

/** The installation of the first room; it must come before every other plugin. */
export function edge(options: EdgeOptions) {
  const addressOf = addressReader(options);
  return new Elysia({ name: 'edge' }).onRequest(({ request, set }) => {
    const given = request.headers.get('x-request-id');
    const requestId = given !== null && harmless(given) ? given : newId();
    const headers = set.headers as Record<string, string>;
    headers['x-request-id'] = requestId;
    setContext(request, new EdgeContext(request, requestId, headers, options, addressOf));
  });
}

/** Looks up on first use what costs something, and keeps it. */
class EdgeContext implements RequestContext {
  readonly startedAt = performance.now();
  principal: Principal | null = null;
  admitted = false;
  access: Access = 'public';
  route: string | null = null;
  private knownLog: Logger | null = null;
  knownAddress: string | null = null;

  constructor(
    private readonly request: Request,
    readonly requestId: string,
    readonly responseHeaders: Record<string, string>,
    private readonly options: EdgeOptions,
    private readonly addressOf: (request: Request) => string,
  ) {}

  get log(): Logger {
    this.knownLog ??= this.options.log.with({ request_id: this.requestId });
    return this.knownLog;
  }

  get address(): string {
    this.knownAddress ??= this.addressOf(this.request);
    return this.knownAddress;
  }

  admit(route: string, access: Access): Promise<void> {
    return this.options.admit(this, this.request, route, access);
  }

  get streams(): OpenStreams {
    return this.options.streams;
  }

  stillAdmitted(): Promise<boolean> {
    return this.options.stillAdmits(this, this.request);
  }
}

function addressReader({ config, peerOf }: EdgeOptions): (request: Request) => string {
  let entries: readonly string[] | null = null;
  let trusted: ReturnType<typeof parseRanges> = [];
  return (request) => {
    const now = config.current.server.trusted_proxies;
    if (now !== entries) {
      entries = now;
      trusted = parseRanges(now);
    }
    return clientAddress(peerOf(request), request.headers.get('x-forwarded-for'), trusted);
  };
}

const LONGEST_ID = 128;

/** Letters, digits and `-_.:/+=`: nothing that could break out of a log line, a header or a shell. */
function harmless(id: string): boolean {
  if (id.length === 0 || id.length > LONGEST_ID) return false;
  for (let index = 0; index < id.length; index += 1) {
    const code = id.charCodeAt(index);
    const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
    if (!letter && !(code >= 43 && code <= 58 && code !== 44) && code !== 95 && code !== 61) return false;
  }
  return true;
}

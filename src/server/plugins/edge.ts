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
import type { UntrustedProxy } from '@/platform/ipc/messages.ts';
import type { Logger } from '@/platform/log/log.ts';
import { parseAddress, parseRanges, type Range, within } from '@/platform/net/ranges.ts';
import { newId } from '@/platform/time/clock.ts';

interface EdgeOptions {
  /** Hears of a proxy that forwards requests and is not trusted. */
  readonly untrustedProxy?: (proxy: UntrustedProxy) => void;
  readonly config: LiveConfig;
  readonly log: Logger;
  /** The address at the other end of the connection; null when it is closed already. */
  readonly peerOf: (request: Request) => string | null;
  /** Decides on a request: see `admission.ts`. */
  readonly admit: (context: RequestContext, request: Request, route: string, access: Access) => Promise<void>;
  readonly stillAdmits: (context: RequestContext, request: Request) => Promise<boolean>;
  readonly streams: OpenStreams;
}

/** By which a proxy names the client; only the first is ever believed. */
const FORWARDING_HEADERS = ['x-forwarded-for', 'forwarded'] as const;

/** The installation of the first room; it must come before every other plugin. */
export function edge(options: EdgeOptions) {
  const trusted = trustedProxies(options.config);
  const addressOf = (request: Request): string =>
    clientAddress(options.peerOf(request), request.headers.get('x-forwarded-for'), trusted().ranges);
  const watch = proxyWatch(options, trusted);
  return new Elysia({ name: 'edge' }).onRequest(({ request, set }) => {
    watch(request);
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

interface TrustedProxies {
  readonly entries: readonly string[];
  readonly ranges: readonly Range[];
}

/** Those of the configuration of the moment, parsed once for each that comes by a reload. */
function trustedProxies(config: LiveConfig): () => TrustedProxies {
  let known: TrustedProxies = { entries: [], ranges: [] };
  return () => {
    const entries = config.current.server.trusted_proxies;
    if (entries !== known.entries) known = { entries, ranges: parseRanges(entries) };
    return known;
  };
}

/** Behind a trusted proxy each look costs as much as the rest of this room: so many are enough. */
const MOST_LOOKS = 1_000;

/**
 * Tells once, and once more after a reload has changed the list, of a proxy that is not trusted: all who come through it
 * are one address then, with one limit. Requests that nobody has forwarded are only asked for two headers.
 */
function proxyWatch(
  { peerOf, untrustedProxy }: EdgeOptions,
  trusted: () => TrustedProxies,
): (request: Request) => void {
  if (!untrustedProxy) return () => undefined;
  let watched: readonly string[] | null = null;
  let looks = 0;
  return (request) => {
    const { entries, ranges } = trusted();
    if (entries !== watched) {
      watched = entries;
      looks = MOST_LOOKS;
    }
    if (looks === 0) return;
    const header = FORWARDING_HEADERS.find((name) => request.headers.has(name));
    if (header === undefined) return;
    looks -= 1;
    const peer = parseAddress(peerOf(request) ?? '');
    if (!peer || within(peer, ranges)) return;
    looks = 0;
    untrustedProxy({ peer: peer.toString(), header });
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

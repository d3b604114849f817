/**
 * All calls to other servers at the wish of users: workflow steps and connectors. Bounded in time and size,
 * refused for addresses of the inside, pinned to the address that was checked (a second DNS answer cannot swap
 * it), and never following a redirect, whose target nobody has checked.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { messageOf } from '@/platform/errors/problem.ts';
import { parseRanges } from '@/platform/net/ranges.ts';
import { mayCall } from './addresses.ts';
import { readBounded } from './body.ts';
import { OutboundFailure } from './failure.ts';
import { mergedHeaders } from './headers.ts';

export interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | null;
  /** `outbound.timeout_ms` of the configuration unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Options {
  readonly config: LiveConfig;
  /** All addresses of a host name; the system's resolver unless given. */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
}

const MOST_ADDRESSES_TRIED = 3;
const NOT_TO_BE_SET = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te']);
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NEVER_CONNECTED = new Set(['ConnectionRefused', 'FailedToOpenSocket', 'ECONNREFUSED', 'EHOSTUNREACH']);

const resolveBySystem = async (host: string): Promise<string[]> =>
  (await systemLookup(host, { all: true })).map(({ address }) => address);

/** What is wrong with the name or value of a header that a user wants sent; null when nothing is. */
export function headerProblem(name: string, value: string): string | null {
  if (!HEADER_NAME.test(name)) return `"${name}" is not a header name`;
  if (NOT_TO_BE_SET.has(name.toLowerCase())) return `the header ${name} is set by the server itself`;
  return HEADER_VALUE.test(value) ? null : `the header ${name} has characters that headers cannot carry`;
}

export class OutboundClient {
  constructor(private readonly options: Options) {}

  /** The answer, whatever its status. Throws OutboundFailure when there is none. */
  async request(request: OutboundRequest): Promise<OutboundAnswer> {
    const limits = this.options.config.current.outbound;
    const url = parseUrl(request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      const problem = headerProblem(name, value);
      if (problem) throw new OutboundFailure('refused', problem);
    }
    const timeoutMs = request.timeoutMs ?? limits.timeout_ms;
    const timer = AbortSignal.timeout(timeoutMs);
    const signal = request.signal ? AbortSignal.any([timer, request.signal]) : timer;
    try {
      const addresses = await untilAborted(this.checkedAddresses(url), signal);
      const response = await fetchPinned(request, url, addresses, signal);
      const body = await readBounded(response, limits.max_response_bytes);
      return { status: response.status, headers: response.headers, body };
    } catch (error) {
      if (error instanceof OutboundFailure) throw error;
      if (request.signal?.aborted) throw new OutboundFailure('aborted', 'stopped before the answer came');
      if (timer.aborted)
        throw new OutboundFailure('timeout', `no answer from ${url.host} in ${timeoutMs} ms`);
      throw new OutboundFailure('unreachable', `${url.host} cannot be reached: ${messageOf(error)}`);
    }
  }

  private async checkedAddresses(url: URL): Promise<readonly string[]> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const lookup = this.options.lookup ?? resolveBySystem;
    const addresses = isIP(host) ? [host] : await lookup(host);
    const allowed = parseRanges(this.options.config.current.outbound.allow_private);
    // One forbidden address among several is enough: which one would be called is not ours to choose.
    if (addresses.length === 0 || !addresses.every((address) => mayCall(address, allowed))) {
      throw new OutboundFailure(
        'refused',
        `${url.host} resolves to a private or reserved address; add it to outbound.allow_private to allow the call`,
      );
    }
    return addresses;
  }
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new OutboundFailure('refused', 'the URL must begin with http:// or https:// and a host');
  }
  if (url.username || url.password) {
    throw new OutboundFailure('refused', 'the URL must not hold a user name or password');
  }
  return url;
}

/** Tries the addresses in order while no connection comes about: nothing has been sent until then. */
async function fetchPinned(
  request: OutboundRequest,
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<Response> {
  const tried = addresses.slice(0, MOST_ADDRESSES_TRIED);
  for (const [index, address] of tried.entries()) {
    try {
      return await fetch(pinnedUrl(url, address), {
        method: request.method,
        headers: mergedHeaders({ 'user-agent': 'automation-orchestrator' }, request.headers, {
          host: url.host,
        }),
        body: request.body ?? null,
        redirect: 'manual',
        signal,
        ...(url.protocol === 'https:' && !isIP(url.hostname.replace(/^\[|\]$/g, ''))
          ? { tls: { serverName: url.hostname } }
          : {}),
      });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (index === tried.length - 1 || !NEVER_CONNECTED.has(code)) throw error;
    }
  }
  throw new OutboundFailure('unreachable', `${url.host} has no address`);
}

function pinnedUrl(url: URL, address: string): string {
  const pinned = new URL(url);
  pinned.hostname = address.includes(':') ? `[${address}]` : address;
  return pinned.href;
}

/** `work`, or a rejection as soon as the signal fires: a DNS lookup itself cannot be stopped. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

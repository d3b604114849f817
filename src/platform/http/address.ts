/**
 * Who a client is by address: through trusted proxies, and as a bucket of limits. Nobody else's
 * `X-Forwarded-For` is believed, for anybody can write one.
 */
import ipaddr from 'ipaddr.js';
import { parseAddress, type Range, within } from '@/platform/net/ranges.ts';

const UNKNOWN = 'unknown';

/**
 * The address of the client, given the peer of the connection and its `X-Forwarded-For`: read from the right, the
 * first that is not a trusted proxy. A garbled entry ends the reading: the proxy before it is the client.
 */
export function clientAddress(
  peer: string | null,
  forwardedFor: string | null,
  trusted: readonly Range[],
): string {
  let client = parseAddress(peer ?? '');
  if (!client) return UNKNOWN;
  const hops = trusted.length > 0 && forwardedFor !== null ? forwardedFor.split(',') : [];
  while (hops.length > 0 && within(client, trusted)) {
    const next = parseAddress(withoutPort(hops.pop() ?? ''));
    if (!next) break;
    client = next;
  }
  return client.toString();
}

/** Some proxies write the port as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const text = entry.trim();
  if (text.startsWith('[')) return text.slice(1, text.indexOf(']'));
  return text.includes('.') && text.includes(':') && text.indexOf(':') === text.lastIndexOf(':')
    ? text.slice(0, text.indexOf(':'))
    : text;
}

/** What a limit counts as one client: an IPv4 address, or a /64 of IPv6, which is what one customer gets. */
export function bucketAddress(address: string): string {
  const parsed = parseAddress(address);
  if (!parsed || parsed.kind() === 'ipv4') return address;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`;
}

/**
 * Which addresses outgoing calls may reach: public ones, and what the operator allows by name. Everything
 * else (loopback, private, link-local, metadata services, multicast, tunnels …) would let users reach the inside (SSRF).
 */
import { parseAddress, parseRanges, type Range, within } from '@/platform/net/ranges.ts';

/** What counts as public, and is not: IPv4 in the clothes of IPv6 (RFC 4291, deprecated), NAT64 of a site, and Azure's metadata. */
const NOT_PUBLIC = parseRanges(['::/96', '64:ff9b:1::/48', '168.63.129.16']);

/** Whether an IP address may be called. */
export function mayCall(text: string, allowPrivate: readonly Range[]): boolean {
  const address = parseAddress(text);
  if (!address) return false;
  const isPublic = address.range() === 'unicast' && !within(address, NOT_PUBLIC);
  return isPublic || within(address, allowPrivate);
}

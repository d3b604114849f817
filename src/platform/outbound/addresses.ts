/**
 * Which addresses outgoing calls may reach: public ones, and what the operator allows by name. Everything
 * else (loopback, private, link-local, metadata services, multicast, tunnels …) would let users reach the inside (SSRF).
 */
import ipaddr from 'ipaddr.js';

/** What counts as public, and is not: IPv4 in the clothes of IPv6 (RFC 4291, deprecated), NAT64 of a site, and Azure's metadata. */
const NOT_PUBLIC = ['::/96', '64:ff9b:1::/48', '168.63.129.16'];

/** Whether an IP address may be called. Entries of `allowPrivate` are addresses or CIDR ranges. */
export function mayCall(address: string, allowPrivate: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  const isPublic = parsed.range() === 'unicast' && !NOT_PUBLIC.some((entry) => covers(entry, parsed));
  return isPublic || allowPrivate.some((entry) => covers(entry, parsed));
}

function covers(entry: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  try {
    if (!entry.includes('/')) return ipaddr.process(entry).toString() === address.toString();
    const [network, bits] = ipaddr.parseCIDR(entry);
    return network.kind() === address.kind() && address.match(network, bits);
  } catch {
    return false;
  }
}

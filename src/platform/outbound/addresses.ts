/**
 * Which addresses outgoing calls may reach: public ones, and what the operator allows by name. Everything
 * else (loopback, private, link-local, metadata services, multicast, tunnels …) would let users reach the inside (SSRF).
 */
import ipaddr from 'ipaddr.js';

/** Whether an IP address may be called. Entries of `allowPrivate` are addresses or CIDR ranges. */
export function mayCall(address: string, allowPrivate: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return parsed.range() === 'unicast' || allowPrivate.some((entry) => covers(entry, parsed));
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

/** IP addresses and CIDR ranges, as configurations name them; IPv4 in the clothes of IPv6 is IPv4. */
import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Range = readonly [network: Address, bits: number];

/** An address, or null for a text that is none. */
export const parseAddress = (text: string): Address | null =>
  ipaddr.isValid(text) ? ipaddr.process(text) : null;

/** An address or a CIDR range such as 10.0.0.0/8; null for a text that is neither. */
export function parseRange(text: string): Range | null {
  if (!text.includes('/')) {
    const address = parseAddress(text);
    return address && [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  if (!ipaddr.isValidCIDR(text)) return null;
  const [network, bits] = ipaddr.parseCIDR(text);
  const mapped = network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && bits >= 96;
  return mapped ? [network.toIPv4Address(), bits - 96] : [network, bits];
}

/** All of a list, which the check of the configuration has found good. Throws for an entry that is no range. */
export function parseRanges(entries: readonly string[]): readonly Range[] {
  return entries.map((entry) => {
    const range = parseRange(entry);
    if (!range) throw new Error(`${entry} is neither an address nor a range`);
    return range;
  });
}

export const within = (address: Address, ranges: readonly Range[]): boolean =>
  ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));

/** Whether a host to listen on is for this machine alone. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || parseAddress(host)?.range() === 'loopback';

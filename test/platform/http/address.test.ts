import { expect, test } from 'bun:test';
import { bucketAddress, clientAddress } from '@/platform/http/address.ts';
import { parseRanges } from '@/platform/net/ranges.ts';

const trusted = parseRanges(['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.1']);

test.each([
  ['nobody is trusted by default', '203.0.113.5', '198.51.100.1', [], '203.0.113.5'],
  ['a stranger cannot say who they are', '203.0.113.5', '198.51.100.1', trusted, '203.0.113.5'],
  ['a trusted proxy can', '10.1.2.3', '198.51.100.1', trusted, '198.51.100.1'],
  ['a chain of them too', '10.1.2.3', '198.51.100.1, 192.0.2.1, 10.9.9.9', trusted, '198.51.100.1'],
  [
    'what stands left of the first stranger is their own invention',
    '10.1.2.3',
    '1.1.1.1, 198.51.100.1, 10.9.9.9',
    trusted,
    '198.51.100.1',
  ],
  ['a garbled entry ends the reading', '10.1.2.3', '198.51.100.1, nonsense, 10.9.9.9', trusted, '10.9.9.9'],
  ['ports are left off', '10.1.2.3', '198.51.100.1:4711', trusted, '198.51.100.1'],
  ['also of IPv6', '10.1.2.3', '[2001:db8::1]:4711', trusted, '2001:db8::1'],
  ['IPv6 without a port', '10.1.2.3', '2001:db8::1', trusted, '2001:db8::1'],
  ['IPv4 in IPv6 is IPv4', '::ffff:10.1.2.3', '::ffff:198.51.100.1', trusted, '198.51.100.1'],
  ['only proxies: the first of them', '10.1.2.3', '10.0.0.2', trusted, '10.0.0.2'],
  ['no header', '10.1.2.3', null, trusted, '10.1.2.3'],
  ['a closed connection', null, '198.51.100.1', trusted, 'unknown'],
])('%s', (_name, peer, header, ranges, client) => {
  expect(clientAddress(peer, header, ranges)).toBe(client);
});

test.each([
  ['203.0.113.5', '203.0.113.5'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['unknown', 'unknown'],
])('%s counts as %s', (address, bucket) => {
  expect(bucketAddress(address)).toBe(bucket);
});

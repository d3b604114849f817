import { describe, expect, test } from 'bun:test';
import { testConfig } from '@test/support/config.ts';
import { Elysia } from 'elysia';
import { liveConfig } from '@/platform/config/live.ts';
import { OpenStreams } from '@/platform/http/open_streams.ts';
import type { UntrustedProxy } from '@/platform/ipc/messages.ts';
import { silentLogger } from '@/platform/log/log.ts';
import { discardedMetrics } from '@/platform/metrics/discarded.ts';
import { edge } from '@/server/plugins/edge.ts';

const configWith = (proxies: string[]) => testConfig({ server: { trusted_proxies: proxies } });

/** An app whose clients all come from one address, and what it tells of proxies. */
function behind(peer: string | null, trusted: string[]) {
  const config = liveConfig(configWith(trusted));
  const told: UntrustedProxy[] = [];
  let looks = 0;
  const app = new Elysia().use(
    edge({
      config,
      log: silentLogger,
      peerOf: () => {
        looks += 1;
        return peer;
      },
      admit: () => Promise.resolve(),
      stillAdmits: () => Promise.resolve(true),
      streams: new OpenStreams({ config, metrics: discardedMetrics }),
      untrustedProxy: (proxy) => void told.push(proxy),
    }),
  );
  const ask = (headers: Record<string, string> = {}) =>
    app.handle(new Request('http://localhost/', { headers }));
  return { ask, told, config, looks: () => looks };
}

describe('a header that names another client', () => {
  test.each([['x-forwarded-for'], ['forwarded']])('%s: its sender is told of once', async (header) => {
    const { ask, told } = behind('192.0.2.1', ['10.0.0.0/8']);
    for (let call = 0; call < 3; call += 1) await ask({ [header]: '203.0.113.9' });
    expect(told).toEqual([{ peer: '192.0.2.1', header }]);
  });

  test('is told of again when another list does not name its sender either', async () => {
    const { ask, told, config } = behind('192.0.2.1', []);
    await ask({ 'x-forwarded-for': '203.0.113.9' });
    config.replace(configWith(['10.0.0.0/8']));
    await ask({ 'x-forwarded-for': '203.0.113.9' });
    config.replace(configWith(['192.0.2.0/24']));
    await ask({ 'x-forwarded-for': '203.0.113.9' });
    expect(told).toHaveLength(2);
  });

  test.each([
    ['a trusted proxy', '10.1.2.3'],
    ['a trusted proxy in the clothes of IPv6', '::ffff:10.1.2.3'],
    ['a connection that is closed already', null],
  ])('is fine from %s', async (_, peer) => {
    const { ask, told } = behind(peer, ['10.0.0.0/8']);
    await ask({ 'x-forwarded-for': '203.0.113.9' });
    expect(told).toEqual([]);
  });

  test('alone makes anybody look for the address, and not for ever', async () => {
    const { ask, looks } = behind('10.1.2.3', ['10.0.0.0/8']);
    await ask();
    expect(looks()).toBe(0);
    for (let call = 0; call < 1_100; call += 1) await ask({ 'x-forwarded-for': '203.0.113.9' });
    expect(looks()).toBe(1_000);
  });
});

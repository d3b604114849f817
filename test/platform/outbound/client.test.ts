import { describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import { engineConfig } from '@test/support/engine.ts';
import { recorder } from '@test/support/recorder.ts';
import { parseRanges } from '@/platform/net/ranges.ts';
import { mayCall } from '@/platform/outbound/addresses.ts';
import { OutboundClient } from '@/platform/outbound/client.ts';
import { isTransientStatus, OutboundFailure, retryAfterMs } from '@/platform/outbound/failure.ts';

describe('an address', () => {
  test.each([
    ['::127.0.0.1', false],
    ['64:ff9b:1::a00:1', false],
    ['168.63.129.16', false],
    ['93.184.216.34', true],
    ['2606:4700::1111', true],
    ['127.0.0.1', false],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::1', false],
    ['fd00::1', false],
    ['fe80::1', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:93.184.216.34', true],
    ['64:ff9b::7f00:1', false],
    ['2002:7f00:1::', false],
    ['not an address', false],
  ])('%s may be called: %p', (address, expected) => {
    expect(mayCall(address, [])).toBe(expected);
  });
  test('can be allowed alone or as part of a range, and nonsense allows nothing', () => {
    expect(mayCall('10.1.2.3', parseRanges(['10.1.2.3']))).toBe(true);
    expect(mayCall('10.1.2.3', parseRanges(['10.0.0.0/8']))).toBe(true);
    expect(mayCall('::ffff:10.1.2.3', parseRanges(['10.0.0.0/8']))).toBe(true);
    expect(mayCall('10.1.2.3', parseRanges(['::ffff:10.0.0.0/104']))).toBe(true);
    expect(mayCall('192.168.0.1', parseRanges(['10.0.0.0/8', '::1']))).toBe(false);
  });
});

const kindOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'answered';
  } catch (error) {
    return error instanceof OutboundFailure ? error.kind : String(error);
  }
};

describe('an outgoing call', () => {
  const config = engineConfig();
  const client = new OutboundClient({ config });
  const get = (url: string, over: object = {}) =>
    client.request({ method: 'GET', url, headers: {}, ...over });

  test('carries method, headers and body, and brings back the answer whatever its status', async () => {
    await using server = recorder(() => new Response('made', { status: 418, headers: { 'x-a': 'b' } }));
    const answer = await client.request({
      method: 'POST',
      url: `${server.url}/p?q=1`,
      headers: { 'x-key': 'v' },
      body: '{"a":1}',
    });
    expect([answer.status, answer.body, answer.headers.get('x-a')]).toEqual([418, 'made', 'b']);
    expect(server.calls[0]).toMatchObject({ method: 'POST', path: '/p?q=1', body: '{"a":1}' });
    expect(server.calls[0]?.headers.get('x-key')).toBe('v');
  });

  test('goes to the address that was checked, under the name that was asked for', async () => {
    await using server = recorder(() => new Response('ok'));
    let lookups = 0;
    const pinned = new OutboundClient({
      config,
      lookup: async () => {
        lookups++;
        return ['127.0.0.1'];
      },
    });
    const port = new URL(server.url).port;
    await pinned.request({ method: 'GET', url: `http://crm.test:${port}/`, headers: {} });
    expect(server.calls[0]?.headers.get('host')).toBe(`crm.test:${port}`);
    expect(lookups).toBe(1);
  });

  test('is refused when any address of the name is inside', async () => {
    const strict = new OutboundClient({
      config: { current: { ...config.current, outbound: { ...config.current.outbound, allow_private: [] } } },
      lookup: async () => ['93.184.216.34', '10.0.0.1'],
    });
    expect(await kindOf(strict.request({ method: 'GET', url: 'http://x.test/', headers: {} }))).toBe(
      'refused',
    );
    for (const url of ['http://127.1/', 'http://0x7f000001/', 'http://[::1]/', 'http://2130706433/']) {
      expect(await kindOf(strict.request({ method: 'GET', url, headers: {} }))).toBe('refused');
    }
  });

  test.each([['ftp://x.io/'], ['file:///etc/passwd'], ['nonsense'], ['http://user:pass@127.0.0.1/']])(
    '%s is refused',
    async (url) => {
      expect(await kindOf(get(url))).toBe('refused');
    },
  );

  test.each([
    [{ host: 'x' }],
    [{ 'transfer-encoding': 'chunked' }],
    [{ 'bad name': 'x' }],
    [{ 'x-a': 'a\r\nb: c' }],
    [{ 'x-a': 'snow ☃' }],
  ])('the header %p is refused', async (headers) => {
    expect(await kindOf(get('http://127.0.0.1:1/', { headers }))).toBe('refused');
  });

  test('does not follow a redirect', async () => {
    await using server = recorder(() => Response.redirect('http://169.254.169.254/', 302));
    expect((await get(server.url)).status).toBe(302);
  });

  test('ends at its time limit, and when its run is lost', async () => {
    await using server = recorder(() => Bun.sleep(3000).then(() => new Response('late')));
    expect(await kindOf(get(server.url, { timeoutMs: 40 }))).toBe('timeout');
    expect(await kindOf(get(server.url, { signal: AbortSignal.timeout(40) }))).toBe('aborted');
  });

  test('says when nobody listens', async () => {
    expect(await kindOf(get('http://127.0.0.1:1/'))).toBe('unreachable');
  });

  test('takes no more than the limit, also of what was compressed small', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    await using server = recorder(() => new Response(bomb, { headers: { 'content-encoding': 'gzip' } }));
    expect(await kindOf(get(server.url))).toBe('too_large');
  });
});

test.each([
  [200, false],
  [400, false],
  [401, false],
  [404, false],
  [422, false],
  [408, true],
  [409, true],
  [425, true],
  [429, true],
  [500, true],
  [503, true],
])('status %p invites another attempt: %p', (status, expected) => {
  expect(isTransientStatus(status)).toBe(expected);
});

test('Retry-After is read in seconds and as a date', () => {
  const at = Date.parse('2030-01-01T00:00:00Z');
  const read = (value: string) => retryAfterMs(new Headers({ 'retry-after': value }), at);
  expect(read('120')).toBe(120_000);
  expect(read('Tue, 01 Jan 2030 00:00:30 GMT')).toBe(30_000);
  expect(read('Tue, 01 Jan 2020 00:00:30 GMT')).toBe(0);
  expect(read('soon')).toBeNull();
  expect(retryAfterMs(new Headers(), at)).toBeNull();
});

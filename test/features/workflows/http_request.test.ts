/** What `http.request` sends, seen from the server that gets it. */
import { expect, test } from 'bun:test';
import { sqliteOpener } from '@test/support/databases.ts';
import { type Engine, testEngine as engine } from '@test/support/engine.ts';
import { recorder } from '@test/support/recorder.ts';
import { until } from '@test/support/wait.ts';
import type { RunDetail } from '@/features/runs/schema.ts';

const open = sqliteOpener();

async function runEnds({ runs }: Engine, id: string): Promise<RunDetail> {
  await until(async () => ['completed', 'failed'].includes((await runs.get(id)).status));
  return runs.get(id);
}

test('writes values as each place of a request needs them', async () => {
  await using server = recorder(() => Response.json({}));
  const e = engine(await open());
  const executor = e.executor('a');
  executor.start();
  const post = (id: string, contentType: string, body: unknown) => ({
    id,
    type: 'http.request',
    method: 'POST',
    url: `${server.url}/${id}/{{context.odd}}?q={{context.odd | default: ""}}`,
    headers: { 'content-type': contentType, 'X-Odd': '{{context.odd | url_encode}}' },
    body,
  });
  const form = 'application/x-www-form-urlencoded';
  const workflow = await e.workflow([
    post('object', form, { odd: '{{context.odd}}', list: ['a b', '{{context.n | plus: 1}}'] }),
    post('text', form, 'odd={{context.odd}}&n={{context.n}}'),
    post(
      'json',
      'application/json',
      '{"odd": "<{{context.odd}}>", "same": {{context.odd}}, "n": {{context.n}}}',
    ),
    post('typed', 'application/json', { n: '{{context.n | plus: 1}}', none: '{{context.none}}' }),
  ]);
  const odd = 'a+b&c="d"\n\\ü';
  const run = await runEnds(e, await e.start(workflow.id, { custom_context: { odd, n: 7 } }));
  await executor.stop(1000);

  expect(run.error).toBeNull();
  const [object, text, json, typed] = server.calls.map(({ body }) => body);
  expect([...new URLSearchParams(object)]).toEqual([
    ['odd', odd],
    ['list', 'a b'],
    ['list', '8'],
  ]);
  expect([...new URLSearchParams(text)]).toEqual([
    ['odd', odd],
    ['n', '7'],
  ]);
  expect(JSON.parse(json ?? '')).toEqual({ odd: `<${odd}>`, same: odd, n: 7 });
  expect(JSON.parse(typed ?? '')).toEqual({ n: 8, none: null });
  for (const { path, headers } of server.calls) {
    const url = new URL(path, server.url);
    expect(decodeURIComponent(url.pathname.split('/')[2] ?? '')).toBe(odd);
    expect(url.searchParams.get('q')).toBe(odd);
    expect(new URLSearchParams(`x=${headers.get('x-odd')}`).get('x')).toBe(odd);
  }
});

test.each([
  ['a header that cannot carry a value', { headers: { 'X-Odd': '{{context.odd}}' } }, 'U+000A'],
  ['a URL with a hole', { url: 'http://127.0.0.1:9/{{context.none}}' }, 'the URL needs one'],
  [
    'a template that never ends',
    { url: 'http://127.0.0.1:9/{% for n in (1..1000000000) %}x{% endfor %}' },
    'loop over fewer items',
  ],
])('%s fails the run at once, with what to do', async (_, fields, message) => {
  const e = engine(await open());
  const executor = e.executor('a');
  executor.start();
  const workflow = await e.workflow([
    { id: 'call', type: 'http.request', url: 'http://127.0.0.1:9/', ...fields },
  ]);
  const run = await runEnds(e, await e.start(workflow.id, { custom_context: { odd: 'a\nb' } }));
  await executor.stop(1000);
  expect(run).toMatchObject({ status: 'failed', error: expect.stringContaining(message) });
  expect(run.attempts).toHaveLength(1);
});

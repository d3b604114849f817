/** Who follows the examples of the API document has leads in the CRM, and finds them as they were sent. */
import { expect, test } from 'bun:test';
import { startCrm } from '@test/support/crm.ts';
import { startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

interface Operation {
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly example: object } } };
}
interface Lead {
  readonly id: string;
  readonly crm_id: string | null;
}

test('the examples, carried out twice, put leads into the CRM and change nothing else in them', async () => {
  using crm = startCrm();
  await using server = await startServer({
    workers: 2,
    config: { outbound: { allow_private: ['127.0.0.1/32'] } },
  });
  const token = await server.adminToken();
  const { paths } = (await server.request('GET', '/api/openapi.json')).json<{
    paths: Record<string, Record<string, Operation>>;
  }>();
  /** The example of a POST, with everything outside standing on this machine. */
  const exampleOf = (path: string): Record<string, unknown> => {
    const example = paths[path]?.post?.requestBody?.content['application/json'].example;
    const text = JSON.stringify(example)
      .replaceAll(/https:\/\/(crm|chat)\.example\.com/g, crm.url)
      // Nobody waits as long here as the example does.
      .replaceAll(/"duration_ms":\d+/g, '"duration_ms":10');
    return { ...JSON.parse(text) };
  };
  const post = async <T>(path: string, body: object): Promise<T> => {
    const answer = await server.request('POST', path, { token, body });
    expect([answer.status < 300, answer.text]).toEqual([true, answer.text]);
    return answer.json<T>();
  };

  await post('/api/crm/config', { ...exampleOf('/api/crm/config'), id_path: 'record.id' });
  await post('/api/workflows', exampleOf('/api/workflows'));
  const whole = exampleOf('/api/leads');
  const nameless = { email: 'nobody@example.com', source: 'fair' };
  const told: (string | null)[] = [];
  for (const sent of [whole, nameless]) {
    const { id } = await post<Lead>('/api/leads', sent);
    const ended = await until(async () => {
      const { runs } = (await server.request('GET', `/api/runs?lead_id=${id}`, { token })).json<{
        runs: { status: string }[];
      }>();
      return ['completed', 'failed'].includes(runs[0]?.status ?? '') ? runs[0]?.status : null;
    });
    expect(ended).toBe('completed');
    const lead = (await server.request('GET', `/api/leads/${id}`, { token })).json<Lead>();
    expect(lead).toMatchObject(sent);
    expect(lead.crm_id).toStartWith('crm-');
    told.push(lead.crm_id);
  }
  const chat = crm.calls.filter(({ path }) => path === '/hooks/sales');
  expect(chat.map(({ body }) => body.text)).toEqual([
    `Lovelace is in the CRM: ${told[0]}`,
    `nobody@example.com is in the CRM: ${told[1]}`,
  ]);
  const received = crm.calls.filter(({ path }) => path.startsWith('/api/contacts/'));
  expect(received.map(({ body }) => body)).toEqual([
    { email: 'ada@example.com', first_name: 'Ada', last_name: 'Lovelace' },
    { email: 'nobody@example.com', first_name: null, last_name: null },
  ]);
}, 60_000);

/** The real job in its first slice: a lead posted to the binary ends as one record in a CRM, whatever dies meanwhile. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { type FakeCrm, startCrm } from '@test/support/crm.ts';
import { type RunningServer, startServer } from '@test/support/server.ts';
import { until } from '@test/support/wait.ts';

interface Run {
  id: string;
  status: string;
  attempts: { step_id: string; attempt: number; outcome: string; error: string | null }[];
}
interface RunPage {
  total: number;
  runs: { id: string; status: string; lead_id: string | null }[];
}

let crm: FakeCrm;
let server: RunningServer;
let token: string;

const CONFIG = {
  outbound: { allow_private: ['127.0.0.1/32'] },
  runs: { lease_seconds: 2, retry_base_ms: 50, poll_interval_ms: 200 },
};

const call = async <T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> => {
  const answer = await server.request(method, path, { token, ...(body ? { body } : {}) });
  return { status: answer.status, body: (answer.text ? answer.json() : null) as T };
};

beforeAll(async () => {
  crm = startCrm();
  server = await startServer({ workers: 4, config: CONFIG });
  token = await server.adminToken();
  await call('POST', '/api/crm/config', {
    method: 'POST',
    url: `${crm.url}/contacts`,
    body: { email: '{{lead.email}}', name: '{{lead.first_name}}' },
    id_path: 'record.id',
    status_url: `${crm.url}/ping`,
    auth: { type: 'bearer', token: 'the crm token' },
  });
}, 60_000);

afterEach(() => {
  crm.hold = null;
  crm.fail = null;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  crm[Symbol.dispose]();
});

const newWorkflow = async (trigger: string, steps: object[]): Promise<string> => {
  const made = await call<{ id: string }>('POST', '/api/workflows', {
    name: `test ${crypto.randomUUID()}`,
    trigger,
    steps,
  });
  expect(made.status).toBe(201);
  return made.body.id;
};

const newLead = async (email: string): Promise<string> =>
  (await call<{ id: string }>('POST', '/api/leads', { email, first_name: 'Ada' })).body.id;

const finished = (id: string): Promise<Run> =>
  until(
    async () => {
      const { body } = await call<Run>('GET', `/api/runs/${id}`);
      return ['completed', 'failed', 'cancelled'].includes(body.status) ? body : null;
    },
    { timeoutMs: 30_000 },
  );

const runOf = (leadId: string): Promise<string> =>
  until(async () => (await call<RunPage>('GET', `/api/runs?lead_id=${leadId}`)).body.runs[0]?.id);

describe('a workflow triggered by new leads', () => {
  let workflow: string;

  beforeAll(async () => {
    workflow = await newWorkflow('lead.created', [
      { id: 'wait', type: 'delay', duration_ms: 0 },
      { id: 'crm', type: 'crm.upsert' },
      { id: 'mark', type: 'lead.update', fields: { source: 'crm' } },
    ]);
  });
  afterAll(() => call('DELETE', `/api/workflows/${workflow}`));

  test('puts a lead into the CRM with its credentials, writes the id back, and shows every attempt', async () => {
    const lead = await newLead('slice@example.com');
    const run = await finished(await runOf(lead));
    expect(run.status).toBe('completed');
    expect(run.attempts.map(({ step_id, outcome }) => [step_id, outcome])).toEqual([
      ['wait', 'succeeded'],
      ['crm', 'succeeded'],
      ['mark', 'succeeded'],
    ]);
    const sent = crm.calls.filter(({ body }) => body.email === 'slice@example.com');
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ authorization: 'Bearer the crm token', body: { name: 'Ada' } });
    const read = await call<{ crm_id: string; source: string }>('GET', `/api/leads/${lead}`);
    expect(read.body).toMatchObject({
      crm_id: crm.records.get(sent[0]?.key ?? '')?.id ?? 'none',
      source: 'crm',
    });
    const status = await call<{ status: string; execution_count: number }>(
      'GET',
      `/api/workflows/${workflow}/status`,
    );
    expect(status.body.execution_count).toBeGreaterThanOrEqual(1);
  });

  test('repeats a failed call with the same key until it succeeds', async () => {
    crm.fail = 503;
    const lead = await newLead('retry@example.com');
    const sent = () => crm.calls.filter(({ body }) => body.email === 'retry@example.com');
    await until(() => sent().length >= 2);
    crm.fail = null;
    const run = await finished(await runOf(lead));
    expect(run.status).toBe('completed');
    expect(new Set(sent().map(({ key }) => key)).size).toBe(1);
    expect(
      run.attempts.filter(({ step_id, outcome }) => step_id === 'crm' && outcome === 'failed').length,
    ).toBeGreaterThan(0);
  });

  test('survives SIGKILL of the worker in the middle of the call: one record, the same key', async () => {
    const gate = Promise.withResolvers<void>();
    crm.hold = gate.promise;
    const email = 'killed@example.com';
    const lead = await newLead(email);
    const sent = () => crm.calls.filter(({ body }) => body.email === email);
    await until(() => sent().length === 1);
    for (const pid of server.workerPids()) process.kill(pid, 'SIGKILL');
    crm.hold = null;
    gate.resolve();
    const id = await until(async () => {
      const page = await call<RunPage>('GET', `/api/runs?lead_id=${lead}`).catch(() => null);
      return page?.body.runs?.[0]?.id;
    });
    const run = await finished(id);
    expect(run.status).toBe('completed');
    expect(sent().length).toBeGreaterThanOrEqual(2);
    expect(new Set(sent().map(({ key }) => key)).size).toBe(1);
    expect([...crm.records.values()].filter(({ body }) => body.email === email)).toHaveLength(1);
  }, 60_000);
});

describe('a workflow started by hand', () => {
  test('answers 202 and runs with the given lead data and context', async () => {
    const workflow = await newWorkflow('manual', [
      {
        id: 'call',
        type: 'http.request',
        method: 'POST',
        url: `${crm.url}/hook`,
        body: { email: '{{lead.email}}', campaign: '{{context.campaign}}' },
      },
    ]);
    const started = await call<{ execution_id: string; status: string; workflow_id: string }>(
      'POST',
      '/api/workflows/trigger',
      {
        workflow_id: workflow,
        lead_data: { email: 'manual@example.com' },
        custom_context: { campaign: 'autumn' },
      },
    );
    expect(started.status).toBe(202);
    expect(started.body).toMatchObject({ workflow_id: workflow, status: 'triggered' });
    expect((await finished(started.body.execution_id)).status).toBe('completed');
    expect(crm.calls.find(({ path }) => path === '/hook')?.body).toEqual({
      email: 'manual@example.com',
      campaign: 'autumn',
    });
  });

  test('an unknown workflow is 404', async () => {
    expect((await call('POST', '/api/workflows/trigger', { workflow_id: 'no-such-workflow' })).status).toBe(
      404,
    );
    expect((await call('GET', '/api/workflows/no-such-workflow/status')).status).toBe(404);
  });

  test('a private address that is not allowed is never called', async () => {
    const workflow = await newWorkflow('manual', [
      {
        id: 'call',
        type: 'http.request',
        method: 'GET',
        url: 'http://127.0.0.2:1/',
        retry: { max_attempts: 1 },
      },
    ]);
    const started = await call<{ execution_id: string }>('POST', '/api/workflows/trigger', {
      workflow_id: workflow,
    });
    const run = await finished(started.body.execution_id);
    expect(run.status).toBe('failed');
    expect(run.attempts[0]?.error).toContain('127.0.0.2');
  });
});

test('the status of the CRM is really asked', async () => {
  expect((await call<{ status: string }>('GET', '/api/crm/status')).body.status).toBe('ready');
  const shown = await call('GET', '/api/crm/config');
  expect(JSON.stringify(shown.body)).not.toContain('the crm token');
});

test('waiting runs show in the queue depth of health and metrics', async () => {
  const workflow = await newWorkflow('manual', [{ id: 'wait', type: 'delay', duration_ms: 0 }]);
  const paused = await newWorkflow('manual', [{ id: 'wait', type: 'delay', duration_ms: 3_600_000 }]);
  await call('POST', '/api/workflows/trigger', { workflow_id: workflow });
  await call('POST', '/api/workflows/trigger', { workflow_id: paused });
  const text = await until(async () => {
    const answer = await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
    return /ao_queue_depth\{state="waiting"\} 1/.test(answer.text) ? answer.text : null;
  });
  expect(text).toContain('ao_queue_depth{state="queued"}');
});

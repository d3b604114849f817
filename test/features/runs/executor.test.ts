import { expect, test } from 'bun:test';
import { forEachDatabase } from '@test/support/databases.ts';
import { type Engine, testEngine as engine, tester } from '@test/support/engine.ts';
import { recorder } from '@test/support/recorder.ts';
import { until } from '@test/support/wait.ts';
import { sql } from 'kysely';
import type { RunDetail } from '@/features/runs/schema.ts';
import type { RunStatus } from '@/features/runs/tables.ts';
import { defineStep } from '@/features/workflows/step.ts';
import { holdStill, now } from '@/platform/time/clock.ts';

const ended = (status: RunStatus): boolean => ['completed', 'failed', 'cancelled'].includes(status);

async function runEnds({ runs }: Engine, id: string): Promise<RunDetail> {
  await until(async () => ended((await runs.get(id)).status));
  return runs.get(id);
}

forEachDatabase('the run executor', (open) => {
  test('carries out every step in order, each a checkpoint, and keeps the outputs', async () => {
    await using server = recorder(({ path }) => Response.json({ at: path }));
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([
      {
        id: 'one',
        type: 'http.request',
        method: 'POST',
        url: `${server.url}/one`,
        body: { c: '{{context.c}}' },
      },
      { id: 'rest', type: 'delay', duration_ms: 30 },
      { id: 'two', type: 'http.request', url: `${server.url}/two?at={{steps.one.output.body.at}}` },
    ]);
    const run = await runEnds(e, await e.start(workflow.id, { custom_context: { c: 7 } }));
    await executor.stop(1000);

    expect(run.status).toBe('completed');
    expect(run.step_index).toBe(3);
    expect(run.attempts.map(({ step_id, attempt, outcome }) => [step_id, attempt, outcome])).toEqual([
      ['one', 1, 'succeeded'],
      ['rest', 1, 'succeeded'],
      ['two', 1, 'succeeded'],
    ]);
    expect(server.calls.map(({ path }) => path)).toEqual(['/one', '/two?at=%2Fone']);
    expect(server.calls[0]?.body).toBe('{"c":7}');
    expect(server.keys()).toEqual([`${run.id}:one`, `${run.id}:two`]);
  });

  test('tries a failing step again with the same key, and keeps every attempt', async () => {
    await using server = recorder((_, index) =>
      index < 2 ? new Response('not yet', { status: index === 0 ? 503 : 429 }) : Response.json({ ok: true }),
    );
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([
      { id: 'call', type: 'http.request', method: 'POST', url: server.url },
    ]);
    const run = await runEnds(e, await e.start(workflow.id));
    await executor.stop(1000);

    expect(run.status).toBe('completed');
    expect(run.error).toBeNull();
    expect(run.attempts.map(({ attempt, outcome, error }) => [attempt, outcome, error])).toEqual([
      [1, 'failed', 'the server answered 503: not yet'],
      [2, 'failed', 'the server answered 429: not yet'],
      [3, 'succeeded', null],
    ]);
    expect(new Set(server.keys())).toEqual(new Set([`${run.id}:call`]));
  });

  test('waits at least as long as Retry-After says', async () => {
    await using server = recorder((_, index) =>
      index === 0 ? new Response('', { status: 429, headers: { 'retry-after': '1' } }) : Response.json({}),
    );
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([{ id: 'call', type: 'http.request', url: server.url }]);
    const run = await runEnds(e, await e.start(workflow.id));
    await executor.stop(1000);

    const [first, second] = run.attempts;
    expect(
      Date.parse(second?.started_at ?? '') - Date.parse(first?.finished_at ?? ''),
    ).toBeGreaterThanOrEqual(1000);
  });

  test('does not repeat what the server refuses', async () => {
    await using server = recorder(() => new Response('no such thing', { status: 404 }));
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([{ id: 'call', type: 'http.request', url: server.url }]);
    const run = await runEnds(e, await e.start(workflow.id));
    await executor.stop(1000);

    expect(run.status).toBe('failed');
    expect(run.error).toBe('the server answered 404: no such thing');
    expect(server.calls).toHaveLength(1);
  });

  test('gives up after the last attempt', async () => {
    await using server = recorder(() => new Response('', { status: 500 }));
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([
      { id: 'call', type: 'http.request', url: server.url, retry: { max_attempts: 3, base_ms: 1 } },
    ]);
    const run = await runEnds(e, await e.start(workflow.id));
    await executor.stop(1000);

    expect(run.status).toBe('failed');
    expect(run.attempts).toHaveLength(3);
  });

  test('stops a step that takes too long', async () => {
    await using server = recorder(() => Bun.sleep(2000).then(() => Response.json({})));
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([
      { id: 'call', type: 'http.request', url: server.url, timeout_ms: 50, retry: { max_attempts: 1 } },
    ]);
    const run = await runEnds(e, await e.start(workflow.id));
    await executor.stop(1000);

    expect(run.status).toBe('failed');
    expect(run.error).toContain('in 50 ms');
  });

  test('a run claimed by another is never written by the one that lost it', async () => {
    const released = Promise.withResolvers<void>();
    const calls: string[] = [];
    const hold = defineStep({
      type: 'hold',
      description: 'Waits in the hands of its first executor.',
      parameters: {},
      compile: () => ({
        reads: new Set(),
        async run({ idempotencyKey }) {
          calls.push(idempotencyKey);
          if (calls.length === 1) await released.promise;
          return { output: `call ${calls.length}` };
        },
      }),
    });
    const e = engine(await open(), { stepTypes: [hold] });
    const zombie = e.executor('zombie');
    zombie.start();
    const workflow = await e.workflow([
      { id: 'held', type: 'hold' },
      { id: 'end', type: 'delay', duration_ms: 0 },
    ]);
    const id = await e.start(workflow.id);
    await until(() => calls.length === 1);
    // As if the first executor had been frozen until its lease ended.
    await e.db.write((trx) => trx.updateTable('runs').set({ lease_until: 1 }).where('id', '=', id).execute());
    const other = e.executor('other');
    other.start();
    const run = await runEnds(e, id);
    released.resolve();
    await zombie.stop(1000);
    await other.stop(1000);

    expect(calls).toEqual([`${id}:held`, `${id}:held`]);
    expect(
      run.attempts.map(({ step_id, attempt, outcome, error }) => [step_id, attempt, outcome, error]),
    ).toEqual([
      ['held', 1, 'failed', 'the worker that carried it out gave no sign of life'],
      ['held', 2, 'succeeded', null],
      ['end', 1, 'succeeded', null],
    ]);
    expect(await e.runs.get(id)).toEqual(run);
  });

  test('renews its leases, so that a long step is not taken over', async () => {
    let calls = 0;
    await using server = recorder(async () => {
      calls++;
      await Bun.sleep(3000);
      return Response.json({});
    });
    const e = engine(await open(), { runs: { lease_seconds: 2 } });
    const [a, b] = [e.executor('a'), e.executor('b')];
    a.start();
    b.start();
    const workflow = await e.workflow([{ id: 'slow', type: 'http.request', url: server.url }]);
    const run = await runEnds(e, await e.start(workflow.id));
    await Promise.all([a.stop(1000), b.stop(1000)]);

    expect(run.status).toBe('completed');
    expect(calls).toBe(1);
  });

  test.each([
    ['forward', 60_000],
    ['back', -3_600_000],
  ])('a wall clock that is set %s ends no run whose worker lives', async (_, jumpMs) => {
    const answers = Promise.withResolvers<void>();
    await using server = recorder(async () => {
      await answers.promise;
      return Response.json({});
    });
    const e = engine(await open(), { runs: { lease_seconds: 2 } });
    const executors = [e.executor('a'), e.executor('b')];
    for (const executor of executors) executor.start();
    const workflow = await e.workflow([{ id: 'slow', type: 'http.request', url: server.url }]);
    const id = await e.start(workflow.id);
    await until(() => server.calls.length === 1);
    const restore = holdStill({ now: () => Date.now() + jumpMs });
    try {
      const leaseMs = async () => {
        const row = await e.db.read.selectFrom('runs').select('lease_until').executeTakeFirstOrThrow();
        return (row.lease_until ?? 0) - now();
      };
      await until(async () => (await leaseMs()) > 0 && (await leaseMs()) <= 2000, {
        what: 'a lease by the new time',
      });
      answers.resolve();
      expect((await runEnds(e, id)).attempts.map(({ outcome }) => outcome)).toEqual(['succeeded']);
    } finally {
      for (const executor of executors) await executor.stop(1000);
      restore();
    }
  });

  test('takes over a run whose lease was written before the clock was set back', async () => {
    await using server = recorder(() => Response.json({}));
    const e = engine(await open());
    const workflow = await e.workflow([{ id: 'call', type: 'http.request', url: server.url }]);
    const id = await e.start(workflow.id);
    const lease = { status: 'running', lease_owner: 'gone', lease_until: now() + 3_600_000 } as const;
    await e.db.write((trx) => trx.updateTable('runs').set(lease).where('id', '=', id).execute());
    const executor = e.executor('a');
    executor.start();
    expect((await runEnds(e, id)).attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'succeeded']);
    await executor.stop(1000);
  });

  test('a step that it stops in the middle counts as an attempt, and another goes on with the same key', async () => {
    const answers = Promise.withResolvers<void>();
    await using server = recorder(async (_, index) => {
      if (index === 0) await answers.promise;
      return Response.json({});
    });
    const e = engine(await open());
    const first = e.executor('first');
    first.start();
    const workflow = await e.workflow([
      { id: 'call', type: 'http.request', method: 'POST', url: server.url },
    ]);
    const id = await e.start(workflow.id);
    await until(() => server.calls.length === 1);
    await first.stop(50);
    expect(await e.runs.get(id)).toMatchObject({ status: 'queued', attempt: 1, error: 'the server stopped' });

    const second = e.executor('second');
    second.start();
    const run = await runEnds(e, id);
    answers.resolve();
    await second.stop(1000);
    expect(run.status).toBe('completed');
    expect(run.attempts.map(({ attempt, outcome, error }) => [attempt, outcome, error])).toEqual([
      [1, 'failed', 'the server stopped'],
      [2, 'succeeded', null],
    ]);
    expect(server.keys()).toEqual([`${id}:call`, `${id}:call`]);
  });

  test('a step that may be tried once is not repeated after a stop, also when it ignores the stop', async () => {
    const begun: string[] = [];
    const deaf = defineStep({
      type: 'deaf',
      description: 'Never ends.',
      parameters: {},
      compile: () => ({
        reads: new Set(),
        run({ idempotencyKey }) {
          begun.push(idempotencyKey);
          return new Promise<never>(() => undefined);
        },
      }),
    });
    const e = engine(await open(), { stepTypes: [deaf] });
    const first = e.executor('first');
    first.start();
    const workflow = await e.workflow([{ id: 'once', type: 'deaf', retry: { max_attempts: 1 } }]);
    const id = await e.start(workflow.id);
    await until(() => begun.length === 1);
    await first.stop(0);
    expect(await e.runs.get(id)).toMatchObject({
      status: 'failed',
      error: 'the server stopped',
      attempts: [{ step_id: 'once', attempt: 1, outcome: 'failed', error: 'the server stopped' }],
    });
    expect(begun).toEqual([`${id}:once`]);
  });

  test('lets a step under way finish when it stops, and hands the run back behind it', async () => {
    await using server = recorder(() => Bun.sleep(200).then(() => Response.json({})));
    const e = engine(await open());
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([
      { id: 'one', type: 'http.request', url: server.url },
      { id: 'two', type: 'http.request', url: server.url },
    ]);
    const id = await e.start(workflow.id);
    await until(() => server.calls.length === 1);
    await executor.stop(5000);
    expect(await e.runs.get(id)).toMatchObject({ status: 'queued', step_index: 1, attempt: 0 });
    expect(server.calls).toHaveLength(1);
  });

  test('retries a failed run from the step that failed, under the same key', async () => {
    let answers = 0;
    await using server = recorder(({ path }) => {
      if (path === '/one') return Response.json({});
      answers += 1;
      return answers <= 3 ? new Response('away', { status: 503 }) : Response.json({ ok: true });
    });
    const e = engine(await open(), { runs: { max_attempts: 3 } });
    const executor = e.executor('a');
    executor.start();
    const workflow = await e.workflow([
      { id: 'one', type: 'http.request', method: 'POST', url: `${server.url}/one` },
      { id: 'two', type: 'http.request', method: 'POST', url: `${server.url}/two` },
    ]);
    const id = await e.start(workflow.id);
    expect((await runEnds(e, id)).status).toBe('failed');
    expect(await e.runs.retry(tester, id)).toEqual({ execution_id: id, status: 'queued' });
    const run = await runEnds(e, id);
    await executor.stop(1000);
    expect(run.status).toBe('completed');
    expect(run.attempts.map(({ step_id, attempt, outcome }) => [step_id, attempt, outcome])).toEqual([
      ['one', 1, 'succeeded'],
      ['two', 1, 'failed'],
      ['two', 2, 'failed'],
      ['two', 3, 'failed'],
      ['two', 4, 'succeeded'],
    ]);
    expect(new Set(server.keys())).toEqual(new Set([`${id}:one`, `${id}:two`]));
    await expect(e.runs.retry(tester, id)).rejects.toThrow('Only a failed run');
    await expect(e.runs.retry(tester, 'nothing')).rejects.toThrow('There is no run');
  });

  test('cancels a queued run and a running one', async () => {
    await using server = recorder(() => Bun.sleep(5000).then(() => Response.json({})));
    const e = engine(await open());
    const workflow = await e.workflow([{ id: 'call', type: 'http.request', url: server.url }]);
    const queued = await e.start(workflow.id);
    expect((await e.runs.cancel(tester, queued)).status).toBe('cancelled');
    const executor = e.executor('a');
    executor.start();
    const running = await e.start(workflow.id);
    await until(() => server.calls.length === 1);
    await e.runs.cancel(tester, running);
    await executor.stop(2000);
    expect(await e.runs.get(running)).toMatchObject({ status: 'cancelled', attempts: [] });
    await expect(e.runs.cancel(tester, running)).rejects.toThrow('ended already');
    await expect(e.runs.cancel(tester, 'nothing')).rejects.toThrow('There is no run');
  });

  test('two executors share a backlog, and each run is carried out once', async () => {
    const seen = new Map<string, number>();
    const count = defineStep({
      type: 'count',
      description: 'Counts.',
      parameters: {},
      compile: () => ({
        reads: new Set(),
        run({ idempotencyKey }) {
          seen.set(idempotencyKey, (seen.get(idempotencyKey) ?? 0) + 1);
          return { output: null };
        },
      }),
    });
    const e = engine(await open(), { stepTypes: [count], runs: { concurrency: 8 } });
    const workflow = await e.workflow([
      { id: 'a', type: 'count' },
      { id: 'b', type: 'count' },
    ]);
    await Promise.all(Array.from({ length: 100 }, () => e.start(workflow.id)));
    const executors = [e.executor('1'), e.executor('2')];
    for (const executor of executors) executor.start();
    await until(async () => (await e.runs.list({ status: 'completed', limit: 1000 })).runs.length === 100);
    await Promise.all(executors.map((executor) => executor.stop(1000)));
    expect(seen.size).toBe(200);
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  });

  test('a new lead starts the workflows of its trigger in its own transaction, and the CRM gets it once', async () => {
    await using crm = recorder((_, index) =>
      index === 0 ? new Response('', { status: 502 }) : Response.json({ data: { id: 4711 } }),
    );
    const e = engine(await open());
    await e.connectors.configure(tester, {
      method: 'PUT',
      url: `${crm.url}/contacts/{{lead.email}}`,
      body: { mail: '{{lead.email}}', via: '{{workflow.name}}' },
      id_path: 'data.id',
      auth: { type: 'bearer', token: 'secret-token' },
    });
    await e.workflow(
      [
        { id: 'crm', type: 'crm.upsert' },
        {
          id: 'mark',
          type: 'lead.update',
          fields: { custom_fields: { crm: '{{steps.crm.output.crm_id}}' } },
        },
      ],
      { trigger: 'lead.created', name: 'to crm' },
    );
    await e.workflow([{ id: 'never', type: 'crm.upsert' }], { trigger: 'lead.created', enabled: false });
    const executor = e.executor('a');
    executor.start();
    const { id } = await e.leads.create(tester, { email: 'ada+x@example.com' }, null);
    const [run] = (await e.runs.list({ lead_id: id, limit: 10 })).runs;
    const done = await runEnds(e, run?.id ?? '');
    await executor.stop(1000);

    expect(done.status).toBe('completed');
    expect((await e.runs.list({ lead_id: id, limit: 10 })).runs).toHaveLength(1);
    const lead = await e.leads.get(id);
    expect(lead?.crm_id).toBe('4711');
    expect(lead?.custom_fields).toEqual({ crm: '4711' });
    const { changes } = await e.leads.timeline(id, { limit: 10 });
    expect(changes.map(({ kind, run_id, changes }) => [kind, run_id, Object.keys(changes)])).toEqual([
      ['updated', done.id, ['custom_fields']],
      ['updated', done.id, ['crm_id']],
      ['created', null, ['email']],
    ]);
    expect(crm.calls.map(({ path }) => path)).toEqual([
      '/contacts/ada%2Bx%40example.com',
      '/contacts/ada%2Bx%40example.com',
    ]);
    expect(crm.calls[1]?.body).toBe('{"mail":"ada+x@example.com","via":"to crm"}');
    expect(crm.calls[1]?.headers.get('authorization')).toBe('Bearer secret-token');
    expect(crm.keys()).toEqual([`${done.id}:crm`, `${done.id}:crm`]);
  });

  test('a run whose lead is gone fails and says so', async () => {
    const e = engine(await open());
    await e.workflow([{ id: 'mark', type: 'lead.update', fields: { source: 'x' } }], {
      trigger: 'lead.created',
    });
    const { id } = await e.leads.create(tester, { email: 'a@example.com' }, null);
    await e.leads.remove(tester, id, null);
    const executor = e.executor('a');
    executor.start();
    const [run] = (await e.runs.list({ lead_id: id, limit: 10 })).runs;
    expect(await runEnds(e, run?.id ?? '')).toMatchObject({
      status: 'failed',
      error: 'the lead does not exist any more',
    });
    await executor.stop(1000);
  });

  test('nobody outside is told of a lead that is gone', async () => {
    await using server = recorder(() => Response.json({}));
    const e = engine(await open());
    await e.workflow(
      [{ id: 'tell', type: 'http.request', method: 'POST', url: server.url, body: 'new: {{lead.email}}' }],
      { trigger: 'lead.created' },
    );
    const { id } = await e.leads.create(tester, { email: 'a@example.com' }, null);
    await e.leads.remove(tester, id, null);
    const executor = e.executor('a');
    executor.start();
    const [run] = (await e.runs.list({ lead_id: id, limit: 10 })).runs;
    expect((await runEnds(e, run?.id ?? '')).error).toBe('the lead does not exist any more');
    expect(server.calls).toEqual([]);
    await executor.stop(1000);
  });

  test('a CRM that has nothing to say is content', async () => {
    await using crm = recorder(() => new Response(null, { status: 204 }));
    const e = engine(await open());
    await e.connectors.configure(tester, { method: 'PUT', url: `${crm.url}/{{lead.email}}`, id_path: 'id' });
    await e.workflow([{ id: 'crm', type: 'crm.upsert' }], { trigger: 'lead.created' });
    const executor = e.executor('a');
    executor.start();
    const { id } = await e.leads.create(tester, { email: 'a@example.com' }, null);
    const [run] = (await e.runs.list({ lead_id: id, limit: 10 })).runs;
    expect((await runEnds(e, run?.id ?? '')).status).toBe('completed');
    expect(crm.calls).toHaveLength(1);
    await executor.stop(1000);
  });

  test('a lead takes nothing from a run that it would not take from a client', async () => {
    await using server = recorder(() => new Response('{"nul":"a\\u0000b","half":"\\ud800"}'));
    const e = engine(await open());
    const steps = (source: string) => [
      { id: 'ask', type: 'http.request', url: server.url },
      { id: 'mark', type: 'lead.update', fields: { source } },
    ];
    for (const source of ['{{steps.ask.output.body.nul}}', '{{steps.ask.output.body.half}}']) {
      await e.workflow(steps(source), { trigger: 'lead.created' });
    }
    const executor = e.executor('a');
    executor.start();
    const { id } = await e.leads.create(tester, { email: 'a@example.com' }, null);
    for (const run of (await e.runs.list({ lead_id: id, limit: 10 })).runs) {
      const { status, error } = await runEnds(e, run.id);
      expect([status, error]).toEqual(['failed', expect.stringContaining('/source: Holds')]);
    }
    expect((await e.leads.get(id))?.source).toBeNull();
    await executor.stop(1000);
  });

  test('the outputs of a run have a size that it fails beyond', async () => {
    const large = defineStep({
      type: 'large',
      description: 'Says a lot.',
      parameters: {},
      compile: () => ({ reads: new Set(), run: () => ({ output: 'x'.repeat(600_000) }) }),
    });
    const e = engine(await open(), { stepTypes: [large] });
    const workflow = await e.workflow(['a', 'b', 'c'].map((id) => ({ id, type: 'large' })));
    const executor = e.executor('a');
    executor.start();
    const run = await runEnds(e, await e.start(workflow.id));
    expect(run).toMatchObject({ status: 'failed', step_index: 1 });
    expect(run.error).toContain('the outputs of the steps are larger than');
    expect(JSON.stringify(await e.runs.list({ limit: 10 }))).not.toContain('xxx');
    await executor.stop(1000);
  });

  test('what a run was given does not count as outputs of its steps, however large', async () => {
    const e = engine(await open());
    const workflow = await e.workflow([{ id: 'rest', type: 'delay', duration_ms: 0 }]);
    const executor = e.executor('a');
    executor.start();
    const id = await e.start(workflow.id, { custom_context: { text: 'x'.repeat(1_100_000) } });
    expect((await runEnds(e, id)).status).toBe('completed');
    await executor.stop(1000);
  });

  test('a run stays on the version it began with', async () => {
    await using server = recorder(() => Response.json({}));
    const e = engine(await open());
    const workflow = await e.workflow([
      { id: 'rest', type: 'delay', duration_ms: 150 },
      { id: 'old', type: 'http.request', url: `${server.url}/old` },
    ]);
    const executor = e.executor('a');
    executor.start();
    const id = await e.start(workflow.id);
    await e.workflows.replace(
      tester,
      workflow.id,
      {
        name: 'test',
        trigger: 'manual',
        steps: [{ id: 'new', type: 'http.request', url: `${server.url}/new` }],
      },
      [1],
    );
    await e.workflows.remove(tester, workflow.id, [2]);
    expect((await runEnds(e, id)).status).toBe('completed');
    expect(server.calls.map(({ path }) => path)).toEqual(['/old']);
    await executor.stop(1000);
  });

  test('tells how deep the queue is', async () => {
    const e = engine(await open());
    const workflow = await e.workflow([{ id: 'rest', type: 'delay', duration_ms: 60_000 }]);
    await Promise.all([e.start(workflow.id), e.start(workflow.id)]);
    expect(await e.runs.queueDepth()).toBe(2);
    await e.db.write((trx) => sql`update runs set available_at = available_at - 60000`.execute(trx));
    const fresh = engine(e.db);
    expect(await fresh.runs.health()).toMatchObject({ state: 'degraded' });
    const executor = fresh.executor('a');
    executor.start();
    await until(async () => (await engine(e.db).runs.queue()).waiting === 2);
    expect(await engine(e.db).runs.queueDepth()).toBe(0);
    await executor.stop(1000);
  });
});

import { expect, test } from 'bun:test';
import { forEachDatabase, sqliteOpener } from '@test/support/databases.ts';
import { testEngine, tester } from '@test/support/engine.ts';
import type { WorkflowInput } from '@/features/workflows/schema.ts';
import { InvalidRequest } from '@/platform/errors/problem.ts';

const input = (steps: unknown[], over: object = {}): WorkflowInput =>
  ({ name: 'w', trigger: 'manual', steps, ...over }) as WorkflowInput;
const sqlite = sqliteOpener();
const delay = { id: 'rest', type: 'delay', duration_ms: 0 };

forEachDatabase('workflows', (open) => {
  test('get a new version with each change, and keep the old ones', async () => {
    const { workflows } = testEngine(await open());
    const made = await workflows.create(tester, input([delay]), null);
    expect(made).toMatchObject({ version: 1, enabled: true, description: null, steps: [delay] });
    const changed = await workflows.replace(
      tester,
      made.id,
      input([delay], { name: 'new', enabled: false }),
      [1],
    );
    expect(changed).toMatchObject({ version: 2, name: 'new', enabled: false });
    expect(await workflows.get(made.id)).toEqual(changed);
    expect(await workflows.getVersion(made.id, 1)).toMatchObject({ name: 'w', version: 1, created_by: 'u1' });
    await expect(workflows.replace(tester, made.id, input([delay]), [1])).rejects.toThrow('at version 2');
    expect((await workflows.list({ skip: 0, limit: 10 })).workflows).toEqual([changed]);
    await workflows.remove(tester, made.id, null);
    expect(await workflows.get(made.id)).toBeNull();
    expect(await workflows.getVersion(made.id, 2)).not.toBeNull();
  });

  test('are matched by trigger as of the transaction, unless disabled', async () => {
    const { workflows, db } = testEngine(await open());
    const one = await workflows.create(tester, input([delay], { trigger: 'lead.created' }), null);
    await workflows.create(tester, input([delay], { trigger: 'lead.created', enabled: false }), null);
    await workflows.create(tester, input([delay]), null);
    const found = await db.write((trx) => workflows.forTrigger(trx, 'lead.created'));
    expect(found).toEqual([{ id: one.id, version: 1 }]);
  });

  test('tell their names, each once and no more than asked for', async () => {
    const { workflows } = testEngine(await open());
    for (const name of ['b', 'a', 'c', 'a']) await workflows.create(tester, input([delay], { name }), null);
    expect(await workflows.names(10)).toEqual(['a', 'b', 'c']);
    expect(await workflows.names(2)).toEqual(['a', 'b']);
  });

  test('leave an audit event with each change', async () => {
    const { workflows, db } = testEngine(await open());
    const { id } = await workflows.create(tester, input([delay]), null);
    await workflows.replace(tester, id, input([delay]), null);
    await workflows.remove(tester, id, null);
    const rows = await db.read.selectFrom('audit_events').select('action').orderBy('id').execute();
    expect(rows.map(({ action }) => action)).toEqual([
      'workflow.created',
      'workflow.updated',
      'workflow.deleted',
    ]);
  });
});

const http = { id: 'call', type: 'http.request', url: 'https://x.io/' };

const refusals: [string, unknown[], [string, string][]][] = [
  [
    'an unknown step type',
    [{ id: 'a', type: 'email.send' }],
    [['/steps/0/type', 'unknown step type "email.send"']],
  ],
  ['a repeated id', [delay, delay], [['/steps/1/id', 'taken by an earlier step']]],
  ['an unknown field', [{ ...delay, speed: 1 }], [['/steps/0/speed', 'unknown field']]],
  ['a missing field', [{ id: 'a', type: 'delay' }], [['/steps/0/duration_ms', 'Expected']]],
  ['a wrong type', [{ ...delay, duration_ms: 'long' }], [['/steps/0/duration_ms', 'Expected integer']]],
  ['a bad id', [{ ...delay, id: 'no spaces' }], [['/steps/0/id', 'Expected string to match']]],
  [
    'the templates of before',
    [{ ...http, url: 'https://x.io/{{lead.phone ?? "none"}}' }],
    [['/steps/0/url', 'write {{ lead.phone | default: "none" }} instead']],
  ],
  [
    'an unknown filter',
    [{ ...http, headers: { a: '{{lead.email | upcas}}' } }],
    [['/steps/0/headers/a', 'did you mean upcase?']],
  ],
  [
    'a header that no value makes right',
    [{ ...http, headers: { a: 'x\ny' } }],
    [['/steps/0/headers/a', 'characters that headers cannot carry']],
  ],
  [
    'a nested field of a form',
    [
      {
        ...http,
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: { a: { b: 1 } },
      },
    ],
    [['/steps/0/body/a', 'a field of a form is a text']],
  ],
  ['a broken template', [{ ...http, url: 'https://x.io/{{lead.email' }], [['/steps/0/url', 'missing }}']]],
  [
    'an unknown name',
    [{ ...http, url: 'https://x.io/{{user.id}}' }],
    [['/steps/0/url', 'unknown name "user"']],
  ],
  [
    'an unknown lead field',
    [{ ...http, method: 'POST', body: { a: ['{{lead.mail}}'] } }],
    [['/steps/0/body/a/0', '"lead.mail" does not exist']],
  ],
  [
    'the output of a later step',
    [{ ...http, url: 'https://x.io/{{steps.rest.output.x}}' }, delay],
    [['/steps/0/url', 'no earlier step "rest"']],
  ],
  ['a URL without scheme', [{ ...http, url: 'x.io' }], [['/steps/0/url', 'must begin with']]],
  ['a body where there is none', [{ ...http, body: 1 }], [['/steps/0/body', 'GET takes no body']]],
  [
    'a header of ours',
    [{ ...http, headers: { Host: 'x' } }],
    [['/steps/0/headers/Host', 'set by the server']],
  ],
  [
    'an empty update',
    [{ id: 'u', type: 'lead.update', fields: {} }],
    [['/steps/0/fields', 'Expected object to have']],
  ],
  [
    'several things at once',
    [
      { ...http, url: '{{x}}' },
      { id: 'q', type: 'nope' },
    ],
    [
      ['/steps/0/url', 'unknown name "x"'],
      ['/steps/1/type', 'unknown step type'],
    ],
  ],
];
test.each(refusals)('a definition with %s is refused with the place', async (_, steps, expected) => {
  const { workflows } = testEngine(await sqlite());
  try {
    await workflows.create(tester, input(steps), null);
    throw new Error('was accepted');
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    const { errors = [] } = error;
    expect(errors.map(({ path }) => path)).toEqual(expected.map(([path]) => path));
    for (const [index, [, message]] of expected.entries()) expect(errors[index]?.message).toContain(message);
  }
});

const refusalsOf = async (step: object) => {
  const { workflows } = testEngine(await sqlite());
  const refused = workflows.create(tester, input([{ id: 'x', ...step }]), null);
  const error = await refused.then(
    () => null,
    (thrown) => thrown,
  );
  return error instanceof InvalidRequest ? error.errors?.map(({ path }) => path) : [];
};

test.each([
  [{ type: 'lead.update', fields: { email: 'not an address' } }, ['/steps/0/fields/email']],
  [{ type: 'lead.update', fields: { source: 5 } }, ['/steps/0/fields/source']],
  [{ type: 'http.request', url: 'http://bad host/' }, ['/steps/0/url']],
  [{ type: 'delay', duration_ms: 0, retry: { base_ms: 1000, max_ms: 1 } }, ['/steps/0/retry/max_ms']],
  [{ type: 'lead.update', fields: { email: '{{steps.x.output}}' } }, ['/steps/0/fields/email']],
  [{ type: 'lead.update', fields: { email: null, source: 'a {{lead.company}}' } }, []],
])('what can be known to fail is refused when it is written: %j', async (step, paths) => {
  expect(await refusalsOf(step)).toEqual(paths);
});

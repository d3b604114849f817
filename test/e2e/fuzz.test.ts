/**
 * Random requests to every documented operation, several at once: no answer is a server error, every refusal is a
 * problem document, and every answer is one that the API document speaks of.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type FuzzedRequest, requestFor } from '@test/support/arbitrary.ts';
import { ApiDocument, type Operation } from '@test/support/openapi.ts';
import { type Answer, type RunningServer, startServer } from '@test/support/server.ts';
import fc from 'fast-check';

let server: RunningServer;
let document: ApiDocument;
let apiKey: string;
const known: string[] = [];

beforeAll(async () => {
  // Nothing that is made here is carried out: workflows of chance would call servers of chance.
  server = await startServer({ args: ['--role', 'api'] });
  document = await ApiDocument.of(server);
  // Not the first admin, whose password stands as an example in the document.
  const { token } = await server.userToken('admin', 'fuzzer');
  const made = async (path: string, body: unknown): Promise<Record<string, string>> =>
    (await server.request('POST', path, { token, body })).json<Record<string, string>>();
  // A key, because among the operations is the log-out of a token.
  ({ api_key: apiKey = '' } = await made('/api/auth/keys', { name: 'fuzz' }));
  const lead = await made('/api/leads', { email: 'fuzz@example.com' });
  const workflow = await made('/api/workflows', {
    name: 'rest',
    trigger: 'manual',
    steps: [{ id: 'wait', type: 'delay', duration_ms: 0 }],
  });
  const run = await made('/api/workflows/trigger', { workflow_id: workflow.id });
  const user = await made('/api/users', { username: 'fuzzed', password: 'a long password', role: 'viewer' });
  const backup = await made('/api/admin/audit/backup', {});
  for (const id of [lead.id, workflow.id, run.execution_id, user.user_id, backup.backup_file]) {
    if (id !== undefined) known.push(id);
  }
  expect(known).toHaveLength(5);
}, 60_000);

afterAll(() => server[Symbol.asyncDispose]());

async function send({ operation, path, body, headers }: FuzzedRequest): Promise<Answer> {
  return server.request(operation.method, path, {
    apiKey,
    headers,
    ...(body === null ? {} : { raw: body }),
  });
}

function faultsOf({ operation }: FuzzedRequest, answer: Answer): string[] {
  const faults = document.faults(operation, answer);
  if (answer.status >= 500) faults.push(`a server error: ${answer.text}`);
  if (answer.status >= 400 && answer.status < 500) {
    const type = answer.headers.get('content-type');
    if (!type?.startsWith('application/problem+json')) faults.push(`a refusal as ${type}`);
    else if (answer.json().status !== answer.status) faults.push('the problem names another status');
  }
  return faults;
}

test('whatever comes, the answer is as documented and never a server error', async () => {
  // A password takes a tenth of a second to hash: operations with one come more rarely, for the sake of the others.
  const operations = document.operations.flatMap((each) =>
    JSON.stringify(each.body).includes('password') ? [each] : Array<Operation>(5).fill(each),
  );
  const requests = fc.constantFrom(...operations).chain((each) => requestFor(each, known));
  const statuses = new Map<number, number>();
  const everything = fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: 8 }), async (batch) => {
    const answers = await Promise.all(batch.map(send));
    for (const [index, answer] of answers.entries()) {
      const request = batch[index];
      if (!request) continue;
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const faults = faultsOf(request, answer);
      if (faults.length > 0)
        throw new Error(`${request.operation.operationId} ${answer.status}: ${faults.join('; ')}`);
    }
  });
  // For ten seconds, and on a slow machine longer: until both sides of every door were tried.
  const enough = performance.now() + 10_000;
  const bothSides = () => [200, 201, 400, 404, 422].every((status) => statuses.has(status));
  while (performance.now() < enough || !bothSides()) await fc.assert(everything, { numRuns: 50 });
}, 60_000);

test('the server came through it sound, and can be used by whom it belongs to', async () => {
  expect((await server.request('GET', '/health?probe=ready')).status).toBe(200);
  expect((await server.request('GET', '/api/auth/me', { token: await server.adminToken() })).status).toBe(
    200,
  );
  expect(server.logs.filter(({ level }) => level === 'error')).toEqual([]);
});

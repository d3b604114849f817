/** What the documents promise is there: links, routes, keys of the configuration, metrics, commands, and README's example. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';
import {
  ADMIN_PASSWORD,
  freePort,
  type RunningServer,
  runBinary,
  startServer,
} from '@test/support/server.ts';
import { describeWith } from '@test/support/services.ts';
import { knownKeys } from '@/platform/config/schema.ts';
import { CONFIG } from '@/server/composition.ts';

const ROOT = resolve(import.meta.dir, '../..');
const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'].concat(
  [...new Bun.Glob('docs/*.md').scanSync(ROOT)].sort(),
);
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

describe('documents', () => {
  test.each(PAGES)('%s links to what is there', (page) => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    const dead = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(textOf(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  test.each(PAGES)('%s names keys of the configuration that there are', (page) => {
    const sections = CONFIG.sections.map(({ name }) => name).join('|');
    const named = [...textOf(page).matchAll(new RegExp(`\`((?:${sections})\\.[a-z_]+)\``, 'g'))];
    const keys = new Set(
      named.map(([, key = '']) => key).filter((key) => !/\.(ts|json|md|created)$/.test(key)),
    );
    expect([...keys].filter((key) => !knownKeys(CONFIG).includes(key))).toEqual([]);
  });

  test('README is a page, not a book', () => {
    expect(textOf('README.md').split(/\s+/).length).toBeLessThanOrEqual(1_000);
  });
});

describe('documents, beside the binary,', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({ workers: 1 });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('name routes that there are', async () => {
    const answer = await server.request('GET', '/api/openapi.json');
    const { paths } = answer.json<{ paths: Record<string, Record<string, unknown>> }>();
    const known = new Set(
      Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
      ),
    );
    const unknown = PAGES.filter((page) => page !== 'docs/adding-a-feature.md').flatMap((page) =>
      [...textOf(page).matchAll(/`(GET|POST|PUT|PATCH|DELETE) (\/[^`?\s]*)[^`]*`/g)]
        .map(([, method, path = '']) => `${method} ${path.replaceAll(/\{\w+\}|:\w+/g, '{}')}`)
        .filter((route) => !known.has(route) && !known.has(route.replace(/\/$/, '')))
        .map((route) => `${page}: ${route}`),
    );
    expect(unknown).toEqual([]);
  });

  test('name metrics that there are', async () => {
    const { text } = await server.request('GET', '/metrics', { headers: { accept: 'text/plain' } });
    const named = new Set(
      [...textOf('docs/operations.md').matchAll(/\b(ao_[a-z_]+)\b/g)].map(([name]) => name),
    );
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => !text.includes(`# TYPE ${name} `))).toEqual([]);
  });

  test('show a workflow that is accepted', async () => {
    const [, json = ''] = /```json\n([\s\S]*?)```/.exec(textOf('docs/automation.md')) ?? [];
    const token = await server.adminToken();
    const made = await server.request('POST', '/api/workflows', { token, raw: json });
    expect([made.status, made.text]).toEqual([201, made.text]);
  });

  test('name commands that there are', async () => {
    const { stdout } = await runBinary(['--help']);
    const named = PAGES.flatMap((page) =>
      [...textOf(page).matchAll(/`(?:automation-orchestrator )?(audit|config|user|key) (\w+)/g)].map(
        ([, group = '', verb = '']) => [group, verb] as const,
      ),
    );
    for (const [group, verb] of named) expect(stdout).toMatch(new RegExp(`${group} [\\w|]*\\b${verb}\\b`));
  });
});

/** README's calls use `--json`, which curl has since 7.82. */
const hasCurl =
  Bun.which('curl') !== null && Bun.spawnSync(['curl', '--help', 'all']).stdout.toString().includes('--json');

describeWith('curl 7.82 or newer', hasCurl, 'a newcomer', () => {
  test("who follows README's example goes from a lead over a failure to the CRM, twice, and leaves the data as it was sent", async () => {
    await using folder = temporaryFolder();
    const crmPort = freePort();
    await using server = await startServer({
      workers: 2,
      env: { AO_ADMIN_PASSWORD: ADMIN_PASSWORD, AO_OUTBOUND__ALLOW_PRIVATE: '127.0.0.0/8' },
    });
    const blocks = [...textOf('README.md').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code = '']) => code);
    const first = blocks.findIndex((code) => code.startsWith('TOKEN='));
    const [login = '', setUp = '', look = '', mend = ''] = blocks.slice(first, first + 4);
    const fits = (code: string): string =>
      code
        .replaceAll('localhost:8000', `127.0.0.1:${server.port}`)
        .replaceAll('9000', String(crmPort))
        .replaceAll('a long password', ADMIN_PASSWORD)
        // The test has a CRM of its own, which keeps what it was sent.
        .replace(/^node .*$/m, '');
    const shell = async (script: string): Promise<string> => {
      const child = Bun.spawn(['bash', '-euo', 'pipefail', '-c', script], {
        cwd: folder.path,
        env: { PATH: Bun.env.PATH ?? '' },
        stderr: 'pipe',
      });
      const [out, error, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      expect([code, error]).toEqual([0, '']);
      return out;
    };
    const untilFailed = `until curl -s "localhost:8000/api/runs?status=failed" -H "$AUTH" | grep -q '"status":"failed"'; do sleep 0.05; done`;
    const received: Record<string, unknown>[] = [];
    const token = await server.adminToken();
    const leadsOf = async () =>
      (await server.request('GET', '/api/leads', { token })).json<{ leads: Record<string, unknown>[] }>()
        .leads;

    await shell([login, setUp, untilFailed, look].map(fits).join('\n'));
    const failure = readFileSync(join(folder.path, 'failed.json'), 'utf8');
    expect(failure).toContain('"status":"failed"');

    const crm = Bun.serve({
      port: crmPort,
      hostname: '127.0.0.1',
      fetch: async (request) => {
        received.push((await request.json()) as Record<string, unknown>);
        return Response.json({ id: '42' });
      },
    });
    try {
      await shell([login, mend].map(fits).join('\n'));
      // Once more from the start: two workflows now, one more lead.
      await shell([login, setUp].map(fits).join('\n'));
      const done = async () =>
        (await leadsOf()).every(({ crm_id }) => crm_id === '42') && received.length === 3;
      const deadline = performance.now() + 20_000;
      while (!(await done()) && performance.now() < deadline) await Bun.sleep(20);
      const sent = { email: 'ada@example.com', company: 'Analytical Engines', source: 'website' };
      expect(await leadsOf()).toMatchObject([
        { ...sent, crm_id: '42', first_name: null },
        { ...sent, crm_id: '42', first_name: null },
      ]);
      expect(received).toMatchObject([sent, sent, sent]);
    } finally {
      await crm.stop(true);
    }
  });
});

/** A lead desk at work: users who log in once, then call, look at the answer for a while, and call again. */
import type { RequestOptions, RunningServer } from '@test/support/server.ts';

/** One call, as the report wants it. Times in milliseconds; `atMs` counts from the start of the load. */
export interface Call {
  readonly atMs: number;
  readonly route: string;
  readonly latencyMs: number;
  readonly status: number;
  readonly ok: boolean;
}

export interface Load {
  readonly users: number;
  readonly durationMs: number;
  /** The users begin one after another within this time. */
  readonly rampMs: number;
  /** Bounds of the time a user waits between two calls. */
  readonly thinkMs: readonly [number, number];
}

interface Desk {
  readonly server: RunningServer;
  readonly token: string | null;
  readonly ownLeads: string[];
}

interface Action {
  readonly route: string;
  readonly weight: number;
  readonly expected: number;
  /** Whether it makes sense without users (hardening off). */
  readonly needsUser?: boolean;
  readonly send: (desk: Desk, call: SendCall) => Promise<void>;
}

type SendCall = (method: string, path: string, options?: RequestOptions) => Promise<{ json: <T>() => T }>;

const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(Math.random() * items.length)];
const read = (path: string) => async (_desk: Desk, call: SendCall) => void (await call('GET', path));

const newLead = () => {
  const tag = crypto.randomUUID().slice(0, 8);
  return {
    first_name: 'Lead',
    last_name: tag,
    email: `lead-${tag}@example.com`,
    company: `Company ${tag[0]}`,
    source: pick(['website', 'fair', 'referral']) ?? 'website',
    custom_fields: { budget: Math.round(Math.random() * 10_000) },
  };
};

/** Slow on purpose, and made once by each user. */
export const LOGIN = 'POST /api/auth/login';

const ACTIONS: readonly Action[] = [
  { route: 'GET /health', weight: 8, expected: 200, send: read('/health') },
  { route: 'GET /health/detailed', weight: 4, expected: 200, send: read('/health/detailed') },
  { route: 'GET /metrics', weight: 8, expected: 200, send: read('/metrics') },
  { route: 'GET /api/auth/me', weight: 15, expected: 200, send: read('/api/auth/me') },
  { route: 'GET /api/auth/keys', weight: 8, expected: 200, needsUser: true, send: read('/api/auth/keys') },
  { route: 'GET /api/leads', weight: 20, expected: 200, send: read('/api/leads?limit=20') },
  {
    route: 'POST /api/leads',
    weight: 17,
    expected: 201,
    send: async (desk, call) => {
      const answer = await call('POST', '/api/leads', { body: newLead() });
      desk.ownLeads.push(answer.json<{ id: string }>().id);
    },
  },
  {
    route: 'GET /api/leads/:id',
    weight: 12,
    expected: 200,
    send: async ({ ownLeads }, call) => void (await call('GET', `/api/leads/${pick(ownLeads)}`)),
  },
  {
    route: 'PATCH /api/leads/:id',
    weight: 8,
    expected: 200,
    send: async ({ ownLeads }, call) =>
      void (await call('PATCH', `/api/leads/${pick(ownLeads)}`, { body: { phone: `+44 ${Date.now()}` } })),
  },
];

/** Draws by weight. A user without leads creates one where they would have read or changed one. */
function nextAction(desk: Desk): Action {
  const actions = ACTIONS.filter((action) => desk.token !== null || !action.needsUser);
  let ticket = Math.random() * actions.reduce((sum, action) => sum + action.weight, 0);
  const drawn = actions.find((action) => {
    ticket -= action.weight;
    return ticket < 0;
  });
  const needsLead = drawn?.route.includes(':id') && desk.ownLeads.length === 0;
  const action = needsLead ? actions.find(({ route }) => route === 'POST /api/leads') : drawn;
  if (!action) throw new Error('the scenario has no actions');
  return action;
}

/**
 * Carries the load out and returns every call. `passwords` maps user names; null means hardening is off. `settled` is
 * called once every user has begun and logged in.
 */
export async function runLoad(
  server: RunningServer,
  load: Load,
  passwords: ReadonlyMap<string, string> | null,
  settled: (atMs: number) => void,
): Promise<Call[]> {
  const calls: Call[] = [];
  const startedAt = performance.now();
  const deadline = startedAt + load.durationMs;
  let unsettled = load.users;

  const timed =
    (route: string, expected: number, token: string | null): SendCall =>
    async (method, path, options = {}) => {
      const begun = performance.now();
      let status = 0;
      try {
        const answer = await server.request(method, path, {
          ...options,
          ...(token === null ? {} : { token }),
        });
        status = answer.status;
        return answer;
      } finally {
        const ended = performance.now();
        calls.push({
          atMs: begun - startedAt,
          route,
          latencyMs: ended - begun,
          status,
          ok: status === expected,
        });
      }
    };

  const attempt = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch {
      // Counted as a failed call by `timed`; the user goes on, as people do.
    }
  };

  const user = async (index: number): Promise<void> => {
    await Bun.sleep((load.rampMs * index) / load.users);
    let token: string | null = null;
    const login = passwords && [...passwords][index];
    if (login) {
      const [username, password] = login;
      await attempt(async () => {
        const send = timed(LOGIN, 200, null);
        const answer = await send('POST', '/api/auth/login', { body: { username, password } });
        token = answer.json<{ access_token: string }>().access_token;
      });
    }
    unsettled -= 1;
    if (unsettled === 0) settled(performance.now() - startedAt);
    const desk: Desk = { server, token, ownLeads: [] };
    for (;;) {
      const action = nextAction(desk);
      await attempt(() => action.send(desk, timed(action.route, action.expected, token)));
      const [least, most] = load.thinkMs;
      const pause = least + Math.random() * (most - least);
      // Nobody hurries because the day ends: the last second is like the others.
      if (performance.now() + pause >= deadline) return;
      await Bun.sleep(pause);
    }
  };

  await Promise.all(Array.from({ length: load.users }, (_, index) => user(index)));
  return calls;
}

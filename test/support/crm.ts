/** A CRM on loopback that keeps what it is sent, as a real HTTP server. */
export interface CrmCall {
  readonly method: string;
  readonly path: string;
  readonly key: string | null;
  readonly authorization: string | null;
  readonly body: Record<string, unknown>;
}

export interface FakeCrm extends Disposable {
  readonly url: string;
  readonly calls: CrmCall[];
  /** One record for each idempotency key, as such servers keep them. */
  readonly records: Map<string, { id: string; body: Record<string, unknown> }>;
  /** Answers wait for this promise when set: to hold a call open while something is killed. */
  hold: Promise<void> | null;
  /** Answers with this status instead, while set. */
  fail: number | null;
}

export function startCrm(): FakeCrm {
  const calls: CrmCall[] = [];
  const records: FakeCrm['records'] = new Map();
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 120,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      if (path === '/ping') return Response.json({ ok: true });
      const body = (await request.json()) as Record<string, unknown>;
      const key = request.headers.get('idempotency-key');
      calls.push({
        method: request.method,
        path,
        key,
        authorization: request.headers.get('authorization'),
        body,
      });
      if (crm.fail !== null) return Response.json({ error: 'told to fail' }, { status: crm.fail });
      const known = records.get(key ?? '') ?? { id: `crm-${records.size + 1}`, body };
      records.set(key ?? `none-${records.size}`, known);
      if (crm.hold) await crm.hold;
      return Response.json({ record: { id: known.id } }, { status: 201 });
    },
  });
  const crm: FakeCrm = {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    records,
    hold: null,
    fail: null,
    [Symbol.dispose]: () => void server.stop(true),
  };
  return crm;
}

/** A server on loopback that records what it is asked and answers as told. */
export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

export function recorder(answer: (request: Recorded, index: number) => Response | Promise<Response>) {
  const calls: Recorded[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const call = {
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        body: await request.text(),
      };
      calls.push(call);
      return answer(call, calls.length - 1);
    },
  });
  return {
    calls,
    url: `http://127.0.0.1:${server.port}`,
    keys: () => calls.map(({ headers }) => headers.get('idempotency-key')),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

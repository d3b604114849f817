/** A closed-loop HTTP load from one place: wrk when it is installed, else connections of our own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@test/support/folder.ts';

export interface Target {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers outside 200-299, and connections that failed. */
  readonly failures: number;
}

export const generator = Bun.which('wrk') ? 'wrk' : 'own load generator';

export function measure(target: Target, seconds: number, connections: number): Promise<Figures> {
  return generator === 'wrk'
    ? withWrk(target, seconds, connections)
    : withFetch(target, seconds, connections);
}

async function withWrk(target: Target, seconds: number, connections: number): Promise<Figures> {
  await using folder = temporaryFolder();
  const script = join(folder.path, 'request.lua');
  const headers = Object.entries(target.headers ?? {}).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  writeFileSync(
    script,
    [
      `wrk.method = "${target.method ?? 'GET'}"`,
      ...(target.body === undefined ? [] : [`wrk.body = ${JSON.stringify(target.body)}`]),
      ...headers,
      'done = function(summary, latency)',
      '  local e = summary.errors',
      '  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),',
      '    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))',
      'end',
    ].join('\n'),
  );
  const child = Bun.spawn(['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, target.url]);
  const output = await new Response(child.stdout).text();
  const numbers = /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(output)?.slice(1).map(Number);
  if (!numbers) throw new Error(`wrk said: ${output}`);
  const [requests = 0, microseconds = 1, p50 = 0, p99 = 0, failures = 0] = numbers;
  return { perSecond: (requests * 1e6) / microseconds, p50Ms: p50 / 1000, p99Ms: p99 / 1000, failures };
}

async function withFetch(target: Target, seconds: number, connections: number): Promise<Figures> {
  const deadline = performance.now() + seconds * 1000;
  const latencies: number[] = [];
  let failures = 0;
  const init: RequestInit = {
    method: target.method ?? 'GET',
    ...(target.headers ? { headers: target.headers } : {}),
    ...(target.body === undefined ? {} : { body: target.body }),
  };
  const connection = async () => {
    while (performance.now() < deadline) {
      const begun = performance.now();
      const response = await fetch(target.url, init).catch(() => null);
      await response?.arrayBuffer();
      if (!response?.ok) failures += 1;
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  latencies.sort((a, b) => a - b);
  const at = (part: number) => latencies[Math.floor(latencies.length * part)] ?? 0;
  return { perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures };
}

/**
 * One line for every request, in the form of the other log lines, written in batches because it is on everybody's
 * way. The query stays out of it (it may hold e-mail addresses), and the client's address is there when something
 * else had to look it up: asking for it alone would cost as much as the rest of the line.
 */
import { Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import { findContext, type RequestContext } from '@/platform/http/context.ts';
import { statusOf } from '@/platform/http/outcome.ts';
import { bufferLines, type LineBuffer } from '@/platform/log/lines.ts';
import { iso, now } from '@/platform/time/clock.ts';

interface AccessLogOptions {
  readonly config: LiveConfig;
  /** Takes whole lines; standard output unless given. */
  readonly lines?: LineBuffer;
}

export function accessLog({
  config,
  lines = bufferLines((text) => void process.stdout.write(text)),
}: AccessLogOptions) {
  return new Elysia({ name: 'access-log' }).onAfterResponse(
    { as: 'global' },
    ({ request, path, route, responseValue, set }) => {
      const { log } = config.current;
      if (!log.requests || log.level === 'warn' || log.level === 'error') return;
      const context = findContext(request);
      if (context)
        lines.write(lineOf(context, request.method, path, route, statusOf(responseValue, set.status)));
    },
  );
}

/** The line by hand: everything but method and path is ours and known to need no escaping. */
function lineOf(
  context: RequestContext,
  method: string,
  path: string,
  route: string | undefined,
  status: number,
): string {
  const milliseconds = Math.round((performance.now() - context.startedAt) * 1000) / 1000;
  const { principal, knownAddress } = context;
  let line = `{"time":"${timestamp()}","level":"info","msg":"request","request_id":"${context.requestId}"`;
  line += `,"method":${JSON.stringify(method)},"path":${JSON.stringify(path)},"status":${status}`;
  line += `,"duration_ms":${milliseconds}`;
  if (route !== undefined) line += `,"route":"${route}"`;
  if (principal)
    line += `,"user_id":${principal.id === null ? 'null' : `"${principal.id}"`},"via":"${principal.via}"`;
  if (knownAddress) line += `,"address":"${knownAddress}"`;
  return `${line}}`;
}

let stamped = { at: 0, text: '' };

/** Many requests end in the same millisecond: its text is made once. */
function timestamp(): string {
  const at = now();
  if (at !== stamped.at) stamped = { at, text: iso(at) };
  return stamped.text;
}

/**
 * Puts routes behind the plugins that every request passes, in the one order that is right: a refusal is counted,
 * logged and audited like any answer, and nothing is read of a body before its sender was admitted.
 */
import { type AnyElysia, Elysia } from 'elysia';
import type { LiveConfig } from '@/platform/config/schema.ts';
import type { OpenStreams } from '@/platform/http/open_streams.ts';
import { RouteTable } from '@/platform/http/routes.ts';
import type { UntrustedProxy } from '@/platform/ipc/messages.ts';
import type { LineBuffer } from '@/platform/log/lines.ts';
import type { Logger } from '@/platform/log/log.ts';
import type { Metrics } from '@/platform/metrics/instruments.ts';
import type { ApiTag } from '@/platform/module/module.ts';
import { registerFormats } from '@/platform/schema/formats.ts';
import { accessLog } from './plugins/access_log.ts';
import { Admission, type AdmissionOptions, admission } from './plugins/admission.ts';
import { type AuditOptions, auditRefusals } from './plugins/audit.ts';
import { compression } from './plugins/compression.ts';
import { docs } from './plugins/docs.ts';
import { edge } from './plugins/edge.ts';
import { errors } from './plugins/errors.ts';
import { input } from './plugins/input.ts';
import { requestMetrics } from './plugins/metrics.ts';
import { securityHeaders } from './plugins/security_headers.ts';

export interface HardeningOptions extends AdmissionOptions {
  readonly config: LiveConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where event streams are kept; whoever closes the port ends them. */
  readonly streams: OpenStreams;
  readonly audit: AuditOptions['audit'];
  readonly version: string;
  /** The groups of operations in the API document. */
  readonly tags?: readonly ApiTag[];
  /** Where access lines go; standard output unless given. */
  readonly accessLines?: LineBuffer;
  /** Hears of a proxy that forwards requests and is not trusted. */
  readonly untrustedProxy?: (proxy: UntrustedProxy) => void;
}

/** The app that serves `routes`, hardened. */
export function harden(options: HardeningOptions, routes: AnyElysia): AnyElysia {
  registerFormats();
  const {
    config,
    log,
    metrics,
    streams,
    audit,
    version,
    permissions,
    tags = [],
    accessLines,
    untrustedProxy,
  } = options;
  const table = new RouteTable();
  const gate = new Admission(options);
  const counting = requestMetrics({ metrics });
  const peerOf = (request: Request): string | null => app.server?.requestIP(request)?.address ?? null;
  const app: AnyElysia = new Elysia({
    name: 'server',
    // Unknown fields are refused, not dropped in silence.
    normalize: false,
    // Else a path is looked for behind the eleventh character, and the name of a short host would swallow its start.
    handler: { standardHostname: false },
    // Bun's own router is no faster here, and decodes paths in another way than the one that tests run through.
    systemRouter: false,
  })
    .use(
      edge({
        config,
        log,
        peerOf,
        streams,
        ...(untrustedProxy && { untrustedProxy }),
        admit: (context, request, route, access) => gate.admit(context, request, route, access),
        stillAdmits: (context, request) => gate.stillAdmits(context, request),
      }),
    )
    .use(counting.plugin)
    .use(accessLog(accessLines ? { config, lines: accessLines } : { config }))
    .use(securityHeaders())
    .use(auditRefusals({ audit, log }))
    .use(errors({ log, methodsOf: (path) => table.methodsOf(path) }))
    .use(compression())
    .use(admission({ routes: table }))
    .use(input({ config, routes: table }))
    .use(docs({ routes, version, permissions, tags }))
    .use(routes);
  table.fill(app);
  counting.initialise(table);
  return app;
}

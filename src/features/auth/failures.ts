/** Counts refused credentials by reason; who it was stands in the audit log, never in a label. */
import type { Counter, Metrics } from '@/platform/metrics/instruments.ts';

const REASONS = [
  'bad_password',
  'throttled',
  'unsupported_scheme',
  'invalid_token',
  'revoked_token',
  'invalid_api_key',
  'expired_api_key',
  'inactive_user',
] as const;
export type AuthFailure = (typeof REASONS)[number];

export class AuthFailures {
  private readonly counter: Counter;

  constructor(metrics: Metrics) {
    this.counter = metrics.counter('ao_auth_failures_total', {
      help: 'Refused log-ins, tokens and API keys.',
      labels: ['reason'],
      initial: REASONS.map((reason) => ({ reason })),
    });
  }

  count(reason: AuthFailure): void {
    this.counter.inc({ reason });
  }
}

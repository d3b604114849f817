/** Why an outgoing call has no usable answer, and what the status of an answer says about trying again. */

/**
 * `refused`: we did not make the call, and would not next time. `unreachable`, `timeout`: it may have arrived.
 * `too_large`: it arrived, and the answer was beyond the limit. `aborted`: our own side gave up.
 */
export type OutboundFailureKind = 'refused' | 'unreachable' | 'timeout' | 'too_large' | 'aborted';

export class OutboundFailure extends Error {
  override name = 'OutboundFailure';
  constructor(
    readonly kind: OutboundFailureKind,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same call may succeed later. */
  get transient(): boolean {
    return this.kind !== 'refused' && this.kind !== 'too_large';
  }
}

const TRANSIENT_4XX = new Set([408, 409, 425, 429]);

/** Whether an answer of this status invites the same request again. */
export const isTransientStatus = (status: number): boolean => status >= 500 || TRANSIENT_4XX.has(status);

/** `Retry-After` (RFC 9110, section 10.2.3) as milliseconds from `nowMs`; null when absent or unreadable. */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const value = headers.get('retry-after')?.trim();
  if (!value) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

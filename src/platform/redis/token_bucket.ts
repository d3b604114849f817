/**
 * Token buckets, many in one call, each asked for several takes at once. A bucket of `capacity` tokens refills
 * fully and gradually in its window. What is kept is the debt: how much is missing, in units of a token divided by
 * the window's milliseconds, so that a token costs `windowMs` units and every millisecond pays `capacity` units
 * back. All of it is whole numbers: nothing is rounded away, and Lua and JavaScript cannot differ. A bucket that
 * is full is no key at all.
 */
import { defineScript } from './script.ts';

export interface BucketState {
  readonly debt: number;
  /** Epoch milliseconds at which the debt was that. */
  readonly at: number;
  readonly windowMs: number;
}

export interface BucketRequest {
  readonly capacity: number;
  readonly windowMs: number;
  /** Tokens that one take costs. */
  readonly cost: number;
  /** How many takes are asked for; as many are granted as there are tokens. */
  readonly wanted: number;
}

export interface BucketReply {
  readonly granted: number;
  /** Whole tokens left after that. */
  readonly remaining: number;
  /** Until one more take would be granted; 0 when all were. */
  readonly retryAfterMs: number;
  /** Until there is one more whole token; 0 when the bucket is full. */
  readonly resetMs: number;
}

export interface BucketStep {
  readonly reply: BucketReply;
  /** What to keep, and for how long it differs from a full bucket; null when nothing was taken. */
  readonly keep: { readonly state: BucketState; readonly ttlMs: number } | null;
}

/** One call on one bucket. `state` null is a full bucket. */
export function takeTokens(state: BucketState | null, request: BucketRequest, now: number): BucketStep {
  const { capacity, windowMs, cost, wanted } = request;
  const full = capacity * windowMs;
  let debt = 0;
  if (state) {
    debt = state.debt;
    // The configuration has changed: the same number of tokens is missing, counted in new units.
    if (state.windowMs !== windowMs) debt = Math.ceil((debt / state.windowMs) * windowMs);
    // A clock that was set back pays nothing; the next step counts from the new time.
    debt = Math.min(full, Math.max(0, debt - Math.max(0, now - state.at) * capacity));
  }
  const price = cost * windowMs;
  const granted = Math.max(0, Math.min(wanted, Math.floor((full - debt) / price)));
  debt += granted * price;
  const remaining = Math.floor((full - debt) / windowMs);
  const missing = debt + price - full;
  return {
    reply: {
      granted,
      remaining,
      retryAfterMs: granted < wanted ? Math.max(0, Math.ceil(missing / capacity)) : 0,
      resetMs: debt === 0 ? 0 : Math.ceil(((remaining + 1) * windowMs - (full - debt)) / capacity),
    },
    keep: granted === 0 ? null : { state: { debt, at: now, windowMs }, ttlMs: Math.ceil(debt / capacity) },
  };
}

const STORED = /^(\d+):(\d+):(\d+)$/;

/** Null for what no bucket wrote: whoever put it there, the bucket starts full. */
export function parseBucket(text: string | null): BucketState | null {
  const parts = text === null ? null : STORED.exec(text);
  return parts ? { debt: Number(parts[1]), at: Number(parts[2]), windowMs: Number(parts[3]) } : null;
}

export const formatBucket = ({ debt, at, windowMs }: BucketState): string =>
  `${debt.toFixed(0)}:${at.toFixed(0)}:${windowMs.toFixed(0)}`;

/** Numbers of each bucket in the arguments: capacity, window in milliseconds, cost, wanted. */
const ARGS_EACH = 4;
/** Numbers of each bucket in the reply: granted, remaining, retry after, reset. */
export const REPLY_EACH = 4;

/** Keys: the buckets. Arguments and reply: four numbers for each, in the order of the keys. */
export const takeTokensScript = defineScript({
  name: 'take_tokens',
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local capacity, window = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local cost, wanted = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local full = capacity * window
  local debt = 0
  local stored = redis.pcall('GET', key)
  if type(stored) == 'string' then
    local d, t, w = string.match(stored, '^(%d+):(%d+):(%d+)$')
    if d then
      debt, t, w = tonumber(d), tonumber(t), tonumber(w)
      if w ~= window then debt = math.ceil((debt / w) * window) end
      debt = math.min(full, math.max(0, debt - math.max(0, now - t) * capacity))
    end
  end
  local price = cost * window
  local granted = math.max(0, math.min(wanted, math.floor((full - debt) / price)))
  debt = debt + granted * price
  local remaining = math.floor((full - debt) / window)
  local retry, reset = 0, 0
  if granted < wanted then retry = math.max(0, math.ceil((debt + price - full) / capacity)) end
  if debt > 0 then reset = math.ceil(((remaining + 1) * window - (full - debt)) / capacity) end
  if granted > 0 then
    local value = string.format('%.0f:%.0f:%.0f', debt, now, window)
    redis.call('SET', key, value, 'PX', string.format('%.0f', math.ceil(debt / capacity)))
  end
  reply[#reply + 1] = granted
  reply[#reply + 1] = remaining
  reply[#reply + 1] = retry
  reply[#reply + 1] = reset
end
return reply
`,
  native(keyspace, keys, args) {
    const now = keyspace.timeMs();
    const replies: number[] = [];
    keys.forEach((key, index) => {
      const [capacity = 1, windowMs = 1, cost = 1, wanted = 0] = args
        .slice(index * ARGS_EACH, (index + 1) * ARGS_EACH)
        .map(Number);
      const { reply, keep } = takeTokens(
        parseBucket(keyspace.get(key)),
        { capacity, windowMs, cost, wanted },
        now,
      );
      if (keep) keyspace.set(key, formatBucket(keep.state), keep.ttlMs);
      replies.push(reply.granted, reply.remaining, reply.retryAfterMs, reply.resetMs);
    });
    return replies;
  },
});

export const takeTokensArgs = ({ capacity, windowMs, cost, wanted }: BucketRequest): number[] => [
  capacity,
  windowMs,
  cost,
  wanted,
];

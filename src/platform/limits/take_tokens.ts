/** The arithmetic of token buckets as a Redis script: one call takes from many buckets, exactly over all workers. */
import { defineScript } from '@/platform/redis/script.ts';
import { type BucketRequest, formatBucket, parseBucket, takeTokens } from './token_bucket.ts';

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

"""The rate limit as a script Redis runs atomically: a sliding window of two counters."""

import hashlib
from typing import Final

# KEYS[1]  the bucket: a hash of window number `w`, uses in it `c`, uses in the one before `p`
# ARGV     limit, window in ms, now in ms (0: the server's clock)
# returns  allowed (1 or 0), remaining, reset_at in ms
#
# The uses of the last window_ms are estimated as c plus the share of p that has not slid out yet.
# Refused: reset_at is the first moment the estimate falls below the limit, if nobody else comes.
# Allowed: reset_at is the end of the window.
RATE_SCRIPT: Final = """
local limit, window, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local number = math.floor(now / window)
local start = number * window
local held = redis.call('HMGET', KEYS[1], 'w', 'c', 'p')
local w, c, p = tonumber(held[1]), tonumber(held[2]) or 0, tonumber(held[3]) or 0
if w ~= number then
  if w == number - 1 then p = c else p = 0 end
  c = 0
end

local used = c + math.floor(p * (start + window - now) / window)
if used < limit then
  c = c + 1
  redis.call('HSET', KEYS[1], 'w', number, 'c', c, 'p', p)
  redis.call('PEXPIRE', KEYS[1], start + 2 * window - now)
  return {1, limit - used - 1, start + window}
end

local reset
if c < limit then
  reset = start + math.floor(window * (1 - (limit - c) / p)) + 1
else
  reset = start + window + math.floor(window * (1 - limit / c)) + 1
end
return {0, 0, math.max(reset, now + 1)}
"""

# How Redis knows the script once it has seen it.
RATE_SCRIPT_SHA: Final = hashlib.sha1(RATE_SCRIPT.encode(), usedforsecurity=False).hexdigest()

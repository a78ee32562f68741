"""The rate limit as a script Redis runs atomically: `domain.sliding_window`, several at once."""

import hashlib
from typing import Final

# KEYS     the buckets: each a hash of window number `w`, uses in it `c`, uses in the one before `p`
# ARGV     window in ms, now in ms (0: the server's clock), then a limit for each bucket
# returns  for each bucket allowed (1 or 0), remaining, reset_at in ms
#
# A use is counted in all buckets if it fits each of them, else in none. The uses of the last
# window_ms are estimated as c plus the share of p that has not slid out yet. Refused: reset_at is
# the first moment the estimate falls below the limit, if nobody else comes; else the window's end.
RATE_SCRIPT: Final = """
local window, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local number = math.floor(now / window)
local start = number * window
local held, fits = {}, true
for index, key in ipairs(KEYS) do
  local found = redis.call('HMGET', key, 'w', 'c', 'p')
  local w, c, p = tonumber(found[1]), tonumber(found[2]) or 0, tonumber(found[3]) or 0
  if w ~= number then
    if w == number - 1 then p = c else p = 0 end
    c = 0
  end
  local used = c + math.floor(p * (start + window - now) / window)
  local limit = tonumber(ARGV[index + 2])
  held[index] = {c = c, p = p, used = used, limit = limit}
  fits = fits and used < limit
end

local answer = {}
for index, key in ipairs(KEYS) do
  local one = held[index]
  local allowed, remaining, reset = 1, one.limit - one.used, start + window
  if fits then
    remaining = remaining - 1
    redis.call('HSET', key, 'w', number, 'c', one.c + 1, 'p', one.p)
    redis.call('PEXPIRE', key, start + 2 * window - now)
  elseif one.used >= one.limit then
    allowed, remaining = 0, 0
    if one.c < one.limit then
      reset = start + window - math.ceil(window * (one.limit - one.c) / one.p) + 1
    else
      reset = start + 2 * window - math.ceil(window * one.limit / one.c) + 1
    end
    reset = math.max(reset, now + 1)
  end
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = allowed, remaining, reset
end
return answer
"""

# How Redis knows the script once it has seen it.
RATE_SCRIPT_SHA: Final = hashlib.sha1(RATE_SCRIPT.encode(), usedforsecurity=False).hexdigest()

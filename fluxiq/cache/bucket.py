"""The token bucket of `domain.token_bucket` as a script Redis runs atomically."""

import hashlib
from typing import Final

# KEYS[1]  the bucket: a hash of tokens `t` at `at` ms; absent: full
# ARGV     capacity, tokens back per minute, cost, 1 to go into debt for it, now in ms (0: the
#          server's clock)
# returns  allowed (1 or 0), tokens left (whole, at least 0), ms to wait for `cost` of them
#
# A bucket that would be full by now is forgotten: full is what an absent one is.
BUCKET_SCRIPT: Final = """
local capacity, rate, cost = tonumber(ARGV[1]), tonumber(ARGV[2]) / 60000, tonumber(ARGV[3])
local in_debt, now = ARGV[4] == '1', tonumber(ARGV[5])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local held = redis.call('HMGET', KEYS[1], 't', 'at')
local tokens, at = tonumber(held[1]) or capacity, tonumber(held[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate)

if tokens < cost and not in_debt then
  return {0, math.max(0, math.floor(tokens)), math.ceil((cost - tokens) / rate)}
end

tokens = tokens - cost
redis.call('HSET', KEYS[1], 't', string.format('%.17g', tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate) + 1000)
return {1, math.max(0, math.floor(tokens)), 0}
"""

# How Redis knows the script once it has seen it.
BUCKET_SCRIPT_SHA: Final = hashlib.sha1(BUCKET_SCRIPT.encode(), usedforsecurity=False).hexdigest()

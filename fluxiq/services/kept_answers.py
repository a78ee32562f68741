"""Answers kept in Redis, so that a request that comes again costs no query: a fast path, no truth.

An entry is believed only if its seal is ours and it answers the very request that is asked: same
merchant, same key, same body. Anything else (lost, cut, forged, of another body, Redis away or
slow) is as if there were none, and Postgres says what the answer is, as it would have anyway.

Only answers that made something are kept. A refusal, and a request that is still being worked on,
can change under a key; that is for Postgres to say.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
import trio

from fluxiq.errors import Unavailable
from fluxiq.ports import Cache, Idempotency
from fluxiq.services.messages.envelope import Answer

# A caller comes again within minutes. Kept as long as its key (30 days), an answer would take
# thirty times the memory, for what one query finds as well.
KEEP_SECONDS: Final = 86_400
BYTES_MAX: Final = 16 * 1024
PATIENCE_SECONDS: Final = 0.05  # of the fast path; a query takes less than a second one
AWAY_SECONDS: Final = 1.0

_SEAL_BYTES: Final = 32
_log = structlog.get_logger("fluxiq.idempotency")


class KeptAnswers:
    """`pepper` seals entries, so that nobody who can write to Redis can answer for us."""

    def __init__(self, cache: Cache, pepper: bytes, monotonic: Callable[[], float]) -> None:
        self._cache = cache
        self._pepper = pepper
        self._monotonic = monotonic
        self._away_until: float | None = None

    async def find(self, merchant_id: str, idempotency: Idempotency) -> Answer | None:
        """The answer that this request got before; None when Postgres has to be asked."""
        name = _name(merchant_id, idempotency)
        found: bytes | None = await self._patiently(lambda: self._cache.get(name))
        if found is None:
            return None

        seal, body = found[:_SEAL_BYTES], found[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(name, idempotency, body)):
            return None  # another body under this key, mostly
        return Answer(body=body, replayed=True)

    async def keep(self, merchant_id: str, idempotency: Idempotency, answer: Answer) -> None:
        """Remember what is on paper by now. Best effort."""
        if len(answer.body) > BYTES_MAX:
            return
        name = _name(merchant_id, idempotency)
        entry = self._seal(name, idempotency, answer.body) + answer.body
        await self._patiently(lambda: self._cache.put(name, entry, ttl_seconds=KEEP_SECONDS))

    def _seal(self, name: str, idempotency: Idempotency, body: bytes) -> bytes:
        said = b"\0".join([name.encode(), idempotency.digest.hex().encode(), body])
        return hmac.digest(self._pepper, said, hashlib.sha256)

    async def _patiently(self, ask: Callable[[], Awaitable[bytes | None]]) -> bytes | None:
        if self._away_until is not None and self._monotonic() < self._away_until:
            return None

        error: Unavailable | None = None
        found = None
        with trio.move_on_after(PATIENCE_SECONDS) as patience:
            try:
                found = await ask()
            except Unavailable as met:
                error = met

        if patience.cancelled_caught or error is not None:
            if self._away_until is None:
                _log.warning("kept_answers_away", error=str(error or "no answer in time"))
            self._away_until = self._monotonic() + AWAY_SECONDS
        elif self._away_until is not None:
            self._away_until = None
            _log.info("kept_answers_back")
        return found


def _name(merchant_id: str, idempotency: Idempotency) -> str:
    said = f"{merchant_id}\0{idempotency.key}".encode()
    return f"answer:{hashlib.sha256(said).hexdigest()}"

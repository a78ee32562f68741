"""How the simulator and its customers sign what they say: one scheme for both directions.

What real providers do on their calls to us is in `callbacks/`; of ours to them, TLS is the proof.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from fluxiq.providers.callbacks.proofs import HEX_SHA256, invalid, require_recent, signed_at
from fluxiq.settings.providers import REPLAY_WINDOW_SECONDS

SIGNATURE = "x-signature"
TIMESTAMP = "x-timestamp"


class SignatureStrategy(Protocol):
    """One way of signing calls, in both directions."""

    def sign(self, body: bytes, now: datetime) -> dict[str, str]:
        """The headers that go with `body`."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raises Refused `signature_invalid`. Names of `headers` are in lower case."""


class HmacSignature:
    """HMAC-SHA256 of `timestamp.body` in lower-case hex, with the timestamp in unix seconds."""

    def __init__(self, secret: str, *, window_seconds: int = REPLAY_WINDOW_SECONDS) -> None:
        assert secret, "an empty secret would sign for everybody"
        self._secret = secret.encode()
        self._window_seconds = window_seconds

    def sign(self, body: bytes, now: datetime) -> dict[str, str]:
        timestamp = str(int(now.timestamp()))
        return {TIMESTAMP: timestamp, SIGNATURE: self._digest(timestamp, body)}

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if HEX_SHA256.fullmatch(signature) is None:
            raise invalid("X-Signature must be 64 lower-case hexadecimal digits")

        at = signed_at(timestamp, "seconds")
        if not hmac.compare_digest(self._digest(timestamp, body), signature):
            raise invalid("the signature does not fit the body")
        require_recent(at, now, self._window_seconds)

    def _digest(self, timestamp: str, body: bytes) -> str:
        return hmac.digest(self._secret, b"%b.%b" % (timestamp.encode(), body), "sha256").hex()

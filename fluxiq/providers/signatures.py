"""How a provider proves that it was the provider: one strategy per scheme, over the raw bytes.

A strategy never parses a body. RSA, ECDSA, static tokens and mutual TLS join as further classes
with the same two methods.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from fluxiq.errors import Refused

SIGNATURE = "x-signature"
TIMESTAMP = "x-timestamp"
REPLAY_WINDOW_SECONDS = 300

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"[0-9]{9,11}")
_MILLISECONDS = re.compile(r"[0-9]{12,14}")


class SignatureStrategy(Protocol):
    """One way of signing calls, in both directions."""

    def sign(self, body: bytes, now: datetime) -> dict[str, str]:
        """The headers that go with `body`; nothing where the connection itself is the proof."""

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
        if _HEX_SHA256.fullmatch(signature) is None:
            raise _invalid("X-Signature must be 64 lower-case hexadecimal digits")
        if _SECONDS.fullmatch(timestamp) is None:
            # A provider that changes the unit would otherwise be refused as fifty thousand years
            # late, which nobody understands at three in the morning.
            found = "milliseconds" if _MILLISECONDS.fullmatch(timestamp) else "something else"
            raise _invalid(f"X-Timestamp must be unix seconds, and is {found}")

        if not hmac.compare_digest(self._digest(timestamp, body), signature):
            raise _invalid("the signature does not fit the body")
        if abs(now.timestamp() - int(timestamp)) > self._window_seconds:
            raise _invalid(f"signed more than {self._window_seconds} s away from now")

    def _digest(self, timestamp: str, body: bytes) -> str:
        return hmac.digest(self._secret, b"%b.%b" % (timestamp.encode(), body), "sha256").hex()


def _invalid(message: str) -> Refused:
    return Refused("signature_invalid", message)

"""How merchants know that an event is ours: Standard Webhooks 1.0.0, and when we tell them again.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable

from fluxiq.errors import Refused

HEADER_ID = "webhook-id"
HEADER_TIMESTAMP = "webhook-timestamp"
HEADER_SIGNATURE = "webhook-signature"

TOLERANCE_SECONDS = 300
SIGNATURES_MAX = 16

# Seconds before the n-th attempt, counted from the one before it: the schedule of the standard.
ATTEMPT_DELAYS_SECONDS = (
    0.0,
    5.0,
    300.0,
    1_800.0,
    7_200.0,
    18_000.0,
    36_000.0,
    50_400.0,
    72_000.0,
    86_400.0,
)
DELAY_SECONDS_MAX = 86_400.0
JITTER_SHARE = 0.1  # of the delay, at most; never earlier than the schedule

_PREFIX = "whsec_"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. `timestamp` is unix seconds; `secret` is `whsec_` and
    base64 of the key. Raises Refused `webhook_secret_invalid`.
    """
    return f"v1,{base64.b64encode(_digest(secret, message_id, timestamp, body)).decode()}"


def sign_with_all(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` during a rotation: one of each secret, parted by spaces."""
    return " ".join(sign(one, message_id, timestamp, body) for one in secrets)


def verify(
    secrets: Iterable[str],
    *,
    message_id: str,
    timestamp: str,
    signature: str,
    body: bytes,
    now: int,
) -> None:
    """Raises Refused `signature_invalid` unless one of `secrets` signed these bytes within 300 s of
    `now` (unix seconds). Several secrets, and several signatures parted by spaces: rotation.
    """
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise _invalid("the timestamp is not in unix seconds")

    given = [word[3:].encode() for word in signature.split(" ") if word.startswith("v1,")]
    if len(given) > SIGNATURES_MAX:
        raise _invalid(f"more than {SIGNATURES_MAX} signatures")

    moment = int(timestamp)
    wanted = [base64.b64encode(_digest(one, message_id, moment, body)) for one in secrets]
    # Every pair is compared, so that the time taken does not tell which one fits.
    if not sum(hmac.compare_digest(mine, theirs) for mine in wanted for theirs in given):
        raise _invalid("no signature fits")

    if abs(now - moment) > TOLERANCE_SECONDS:
        raise _invalid(f"signed more than {TOLERANCE_SECONDS} s away from now")


def retry_delay(attempt: int, *, jitter: float, retry_after: float | None = None) -> float | None:
    """Seconds until the attempt after number `attempt` (from 1); None when that was the last.

    `jitter` is 0 to 1, drawn by the caller. What the receiver asks for in Retry-After is respected
    where it is later, up to a day.
    """
    assert attempt >= 1, "attempts are counted from 1"
    assert 0.0 <= jitter <= 1.0, f"jitter {jitter} is not between 0 and 1"
    if attempt >= len(ATTEMPT_DELAYS_SECONDS):
        return None

    delay = ATTEMPT_DELAYS_SECONDS[attempt] * (1.0 + JITTER_SHARE * jitter)
    return max(delay, min(retry_after or 0.0, DELAY_SECONDS_MAX))


def _digest(secret: str, message_id: str, timestamp: int, body: bytes) -> bytes:
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return hmac.digest(_key(secret), signed, hashlib.sha256)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise Refused("webhook_secret_invalid", "a secret is whsec_ and base64", field="secret")

    return key


def _invalid(message: str) -> Refused:
    return Refused("signature_invalid", message)

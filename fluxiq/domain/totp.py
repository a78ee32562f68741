"""Time-based one-time passwords: RFC 6238 over RFC 4226, as authenticator apps implement them.

SHA-1, six digits, steps of 30 seconds: what every app reads, whatever else a URI asks for.
"""

import base64
import hmac
import struct
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20  # RFC 4226, 4: as long as the hash
DRIFT_STEPS: Final = 1  # a clock, or a person, may be half a minute off (RFC 6238, 5.2)


def step_at(now: datetime) -> int:
    """The number of the step that `now` lies in."""
    return int(now.timestamp()) // STEP_SECONDS


def code_of(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of one step, with its leading zeros."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def matching_step(secret: bytes, code: str, now: datetime, last_step: int | None) -> int | None:
    """The step whose code this is, of those around `now` and after `last_step`; None: wrong, or
    used. All are compared, so that the time tells nothing.
    """
    here, found = step_at(now), None
    for step in range(here - DRIFT_STEPS, here + DRIFT_STEPS + 1):
        same = hmac.compare_digest(code_of(secret, step).encode(), code.encode())
        if same and (last_step is None or step > last_step):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """A secret as people type it into an app: base 32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def otpauth_uri(secret: bytes, *, issuer: str, account: str) -> str:
    """What a QR code shows to an authenticator app: the Key URI format. Its names have no colon."""
    issuer, account = issuer.replace(":", " "), account.replace(":", " ")
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    asked = {
        "secret": secret_text(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{label}?{urlencode(asked, quote_via=quote)}"

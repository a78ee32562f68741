"""What the strategies have in common: their shape, their refusal, and the time in a signature."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from fluxiq.errors import Refused
from fluxiq.ports import Callback

# Raises Refused `signature_invalid` unless the provider made this call. The time is now.
Verify = Callable[[Callback, datetime], None]

HEX_SHA256: Final = re.compile(r"[0-9a-f]{64}")
BASE64_CHARACTERS_MAX: Final = 2_048  # an RSA key of 8192 bits signs in 1,368

_SECONDS = re.compile(r"[0-9]{9,11}")
_MILLISECONDS = re.compile(r"[0-9]{12,14}")
_PATTERNS = {"seconds": (_SECONDS, 1), "milliseconds": (_MILLISECONDS, 1_000)}


def invalid(message: str) -> Refused:
    return Refused("signature_invalid", message)


def signed_at(text: str, unit: str) -> float:
    """Unix seconds of a signed time whose unit is `seconds` or `milliseconds`.

    A provider that changes the unit would otherwise be refused as fifty thousand years late, which
    nobody understands at three in the morning.
    """
    pattern, per_second = _PATTERNS[unit]
    if pattern.fullmatch(text) is None:
        found = next((name for name, (one, _) in _PATTERNS.items() if one.fullmatch(text)), None)
        raise invalid(f"the time must be unix {unit}, and is {found or 'something else'}")
    return int(text) / per_second


def require_recent(unix_seconds: float, now: datetime, window_seconds: int) -> None:
    if abs(now.timestamp() - unix_seconds) > window_seconds:
        raise invalid(f"signed more than {window_seconds} s away from now")


def bytes_of_base64(text: str, header: str) -> bytes:
    """What a header says in base 64: the standard alphabet, padded, nothing else in between."""
    if not text or len(text) > BASE64_CHARACTERS_MAX:
        raise invalid(f"{header} must be base 64, up to {BASE64_CHARACTERS_MAX} characters")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{header} is not base 64") from None

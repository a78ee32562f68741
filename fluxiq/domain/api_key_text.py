"""The text of an API key: `sk_live_` or `sk_test_`, the ISPB, 32 random characters, a checksum.

    sk_live_ 12345678 EXAMPLEexampleEXAMPLEexample0000 3SS7NH

The checksum is CRC-32 (ISO 3309) of everything before it in six digits of base 62, `0-9A-Za-z`,
the highest first. It keeps nobody out: it lets us refuse a mistyped or invented key without asking
the database, and lets a scanner for leaked secrets tell a key of ours from what looks like one,
without asking us (docs/identity.md).
"""

import re
from typing import Final
from zlib import crc32

from msgspec import Struct

RANDOM_LENGTH: Final = 32
CHECKSUM_LENGTH: Final = 6  # 62**6 > 2**32

# For scanners: nothing more, so that it may stand in their settings as it is.
PATTERN: Final = r"\bsk_(live|test)_[0-9A-Z]{8}[0-9A-Za-z]{38}\b"

_KEY = re.compile(PATTERN)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HEAD_LENGTH: Final = len("sk_live_")
_ISPB_LENGTH: Final = 8


class KeyText(Struct, frozen=True):
    """What a key says of itself, without asking anybody."""

    ispb: str
    is_test: bool


def build_key(ispb: str, random: str, *, is_test: bool) -> str:
    """The text of a key around 32 random letters and digits."""
    assert len(random) == RANDOM_LENGTH, "less would be guessed"
    body = f"sk_{'test' if is_test else 'live'}_{ispb}{random}"
    text = body + checksum(body)
    assert _KEY.fullmatch(text) is not None, "an ISPB and letters and digits"
    return text


def read_key(text: str) -> KeyText | None:
    """None for what is no key of ours: another form, or a wrong checksum."""
    match = _KEY.fullmatch(text)
    if match is None or checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    ispb = text[_HEAD_LENGTH : _HEAD_LENGTH + _ISPB_LENGTH]
    return KeyText(ispb, is_test=match[1] == "test")


def checksum(body: str) -> str:
    """CRC-32 of `body` in six digits of base 62."""
    left, digits = crc32(body.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        left, digit = divmod(left, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits

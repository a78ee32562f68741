"""128 bits as 26 characters of Crockford's base 32, and the ULID (https://github.com/ulid/spec).

Only the canonical form is read: upper case, no I L O U, first character at most 7. An id with two
spellings would be two keys of one thing.
"""

import re

from fluxiq.errors import Refused

ULID_LENGTH = 26
RANDOM_BYTES = 10
MILLISECONDS_MAX = (1 << 48) - 1

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE_OF = {character: value for value, character in enumerate(_ALPHABET)}
# Two characters at a time: ids are made several times for each payment.
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_PAIR_SHIFTS = tuple(range(120, -1, -10))
_CANONICAL = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_ulid(milliseconds: int, random_bytes: bytes) -> str:
    """The ULID of a moment (milliseconds since 1970, UTC) and ten random bytes.

    Sorts by time. Not monotonic within one millisecond: nothing here orders by id alone.
    """
    assert 0 <= milliseconds <= MILLISECONDS_MAX, "a ULID's time has 48 bits"
    assert len(random_bytes) == RANDOM_BYTES, "a ULID's randomness has 80 bits"
    return encode_128(milliseconds << 80 | int.from_bytes(random_bytes))


def ulid_milliseconds(ulid: str) -> int:
    """When a ULID was made, in milliseconds since 1970. Raises Refused `invalid_id`."""
    return decode_128(ulid) >> 80


def is_ulid(text: str) -> bool:
    return _CANONICAL.fullmatch(text) is not None


def encode_128(value: int) -> str:
    """26 characters of Crockford's base 32, most significant first, zero padded."""
    assert 0 <= value < 1 << 128, "not a number of 128 bits"
    return "".join([_PAIRS[value >> shift & 1023] for shift in _PAIR_SHIFTS])


def decode_128(text: str) -> int:
    """The number behind 26 canonical characters. Raises Refused `invalid_id`."""
    if not is_ulid(text):
        raise Refused("invalid_id", "not 26 characters of Crockford's base 32", field="id")

    value = 0
    for character in text:
        value = value << 5 | _VALUE_OF[character]

    return value

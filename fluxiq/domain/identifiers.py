"""Names of things: the central bank's (ISPB, end-to-end id, txid) and ours (prefix and ULID).

Ids of transfers are derived from what they pay for, so that the same retry is the same id from any
process at any time.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct

from fluxiq.domain.ulid import (
    ULID_LENGTH,
    decode_128,
    encode_128,
    is_ulid,
    new_ulid,
    ulid_milliseconds,
)
from fluxiq.errors import Refused

__all__ = [
    "SUFFIX_LENGTH",
    "EndToEndId",
    "IdPrefix",
    "build_end_to_end_id",
    "build_id",
    "build_return_id",
    "derived_id",
    "is_end_to_end_id",
    "is_ispb",
    "is_return_id",
    "new_ulid",
    "parse_charge_txid",
    "parse_end_to_end_id",
    "parse_id",
    "parse_ispb",
    "parse_refund_id",
    "parse_return_id",
    "parse_static_txid",
    "tb_id_of",
    "tb_id_text",
]

SUFFIX_LENGTH = 11

_ISPB = re.compile(r"[0-9A-Z]{8}")
_END_TO_END = re.compile(r"[ED]([0-9A-Z]{8})([0-9]{12})([0-9A-Za-z]{11})")
_SUFFIX = re.compile(r"[0-9A-Za-z]{11}")
_CHARGE_TXID = re.compile(r"[0-9A-Za-z]{26,35}")
_STATIC_TXID = re.compile(r"[0-9A-Za-z]{1,25}")
_REFUND_ID = re.compile(r"[0-9A-Za-z]{1,35}")
_MINUTE_PARTS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12))
_U128_MAX = (1 << 128) - 1
_LOW_BITS = 80  # of a derived id: below its time
_LOW = (1 << _LOW_BITS) - 1
_MINUTE_MS = 60_000


class IdPrefix(StrEnum):
    """What an id names. Products also have named ids (`prod_pix_merchant`), which are not ULIDs."""

    CHARGE = "chg"
    PAYMENT = "pay"
    ACCOUNT = "acc"
    PRODUCT = "prod"
    TRANSFER = "xfer"
    LEDGER_TRANSFER = "tb"
    WEBHOOK = "whk"
    EVENT = "evt"
    API_KEY = "key"
    REFUND = "ref"
    USER = "usr"
    SESSION = "ses"
    MERCHANT = "mch"
    INSTITUTION = "ins"
    DELIVERY = "dlv"
    REQUEST = "req"
    JOB = "job"
    MED = "med"
    INFRACTION = "inf"
    ERASURE = "era"
    EXPORT = "exp"
    PAYOUT_BATCH = "bat"
    CONTEST = "cts"


class EndToEndId(Struct, frozen=True, kw_only=True):
    """The parts of an end-to-end id or a return id; `at` is a UTC minute.

    The ISPB is of whoever made the id: with a payment initiator, not the payer's own institution.
    """

    ispb: str
    at: datetime
    suffix: str


# The central bank's names.


def is_ispb(text: str) -> bool:
    return _ISPB.fullmatch(text) is not None


def parse_ispb(text: str, *, field: str = "ispb") -> str:
    """An institution's eight characters, a string, never an int. Raises Refused `invalid_ispb`."""
    if not is_ispb(text):
        raise Refused("invalid_ispb", "an ISPB has eight characters of 0-9 and A-Z", field=field)

    return text


def build_end_to_end_id(ispb: str, at: datetime, suffix: str) -> str:
    """`E` + ISPB + UTC minute + eleven random alphanumerics: 32 characters, unique for ever."""
    return _build("E", ispb, at, suffix)


def build_return_id(ispb: str, at: datetime, suffix: str) -> str:
    """`D` + ISPB + UTC minute + eleven random alphanumerics: the name of a refund in SPI."""
    return _build("D", ispb, at, suffix)


def parse_end_to_end_id(text: str, *, field: str = "end_to_end_id") -> EndToEndId:
    """The parts of an `E` id. Raises Refused `invalid_end_to_end_id` (SPI's FF08), also for a date
    that is not in the calendar.
    """
    return _parse("E", text, "invalid_end_to_end_id", field)


def parse_return_id(text: str, *, field: str = "return_id") -> EndToEndId:
    """The parts of a `D` id. Raises Refused `invalid_return_id`."""
    return _parse("D", text, "invalid_return_id", field)


def is_end_to_end_id(text: str) -> bool:
    try:
        parse_end_to_end_id(text)
    except Refused:
        return False

    return True


def is_return_id(text: str) -> bool:
    try:
        parse_return_id(text)
    except Refused:
        return False

    return True


def parse_charge_txid(text: str, *, field: str = "txid") -> str:
    """The txid of a charge with a location (dynamic code): 26 to 35 alphanumerics, case kept."""
    return _matching(_CHARGE_TXID, text, "invalid_txid", "26 to 35 letters and digits", field)


def parse_static_txid(text: str, *, field: str = "txid") -> str:
    """The txid of a static code: 1 to 25 alphanumerics, case kept."""
    return _matching(_STATIC_TXID, text, "invalid_txid", "1 to 25 letters and digits", field)


def parse_refund_id(text: str, *, field: str = "refund_id") -> str:
    """The id a merchant gives a refund: 1 to 35 alphanumerics, unique per end-to-end id."""
    return _matching(_REFUND_ID, text, "invalid_refund_id", "1 to 35 letters and digits", field)


# Our own names.


def build_id(prefix: IdPrefix | str, ulid: str) -> str:
    """`chg` and a ULID make `chg_01J…`. Prefixes are a closed set: an unknown one is a bug."""
    assert prefix in _PREFIXES, f"{prefix!r} is not a prefix of ours"
    assert is_ulid(ulid), "not a canonical ULID"
    return f"{prefix}_{ulid}"


def parse_id(prefix: IdPrefix, text: str, *, field: str = "id") -> str:
    """The same id when it is of this kind. Raises Refused `invalid_id`."""
    head = f"{prefix}_"
    if not text.startswith(head) or not is_ulid(text[len(head) :]):
        raise Refused(
            "invalid_id", f"expected {head} and {ULID_LENGTH} characters in upper case", field=field
        )

    return text


def derived_id(ispb: str, business_id: str, leg: str) -> int:
    """The ledger id of one leg of one piece of business: 128 bits, never 0 nor the largest.

    The high 48 bits are a time in milliseconds since 1970 (UTC), where `business_id` has one: that
    of a ULID, or a moment within the minute of an end-to-end or return id, drawn by the hash. So
    ids of one time are neighbours in the trees of TigerBeetle and Postgres (docs/decisions/0009).
    The other 80 bits, and all 128 where there is no time, are BLAKE2b over the parts, each preceded
    by its length, so that no two lists of parts run into the same bytes. TigerBeetle keeps 0 and
    2**128 - 1 for itself.
    """
    parts = [part.encode() for part in (ispb, business_id, leg)]
    assert all(parts), "an empty part names nothing"
    digest = blake2b(digest_size=16, person=b"fluxiq.ledger.id")
    for part in parts:
        digest.update(len(part).to_bytes(4))
        digest.update(part)

    hashed = int.from_bytes(digest.digest())
    times = _times_of(business_id)
    if not times:
        return _usable(hashed)

    high, low = hashed >> _LOW_BITS, hashed & _LOW
    return _usable(times[high % len(times)] << _LOW_BITS | low)


def tb_id_text(ledger_id: int) -> str:
    """A ledger transfer's id as callers see it: `tb_` and 26 characters."""
    return f"{IdPrefix.LEDGER_TRANSFER}_{encode_128(ledger_id)}"


def tb_id_of(text: str, *, field: str = "ledger_entry_id") -> int:
    """The ledger id behind `tb_…`. Raises Refused `invalid_id`."""
    parse_id(IdPrefix.LEDGER_TRANSFER, text, field=field)
    return decode_128(text[-ULID_LENGTH:])


_PREFIXES = frozenset(IdPrefix)
# `tb_` is before a ledger's number, which is no ULID.
_ULID_PREFIXES = _PREFIXES - {IdPrefix.LEDGER_TRANSFER}


def _build(letter: str, ispb: str, at: datetime, suffix: str) -> str:
    assert is_ispb(ispb), f"{ispb!r} is not an ISPB"
    assert at.tzinfo is not None, "a naive time has no UTC minute"
    assert _SUFFIX.fullmatch(suffix), "the suffix has eleven letters and digits"
    moment = at.astimezone(UTC)
    # strftime does not pad years below 1000 everywhere.
    return f"{letter}{ispb}{moment.year:04d}{moment.strftime('%m%d%H%M')}{suffix}"


def _parse(letter: str, text: str, code: str, field: str) -> EndToEndId:
    match = _END_TO_END.fullmatch(text)
    if match is None or text[0] != letter:
        message = f"expected {letter}, ISPB, yyyyMMddHHmm and eleven letters and digits"
        raise Refused(code, message, field=field)

    ispb, minute, suffix = match.groups()
    try:
        at = _minute(minute)
    except ValueError:
        raise Refused(code, "the date is not in the calendar", field=field) from None

    return EndToEndId(ispb=ispb, at=at, suffix=suffix)


def _times_of(business_id: str) -> range:
    """The milliseconds since 1970 in which this was made, as far as its id tells; none: not at all.

    Nothing was made before 1970, whatever an id from outside says.
    """
    if (match := _END_TO_END.fullmatch(business_id)) is not None:
        try:
            at = _minute(match[2])
        except ValueError:
            return range(0)

        start = int(at.timestamp()) * 1000
        return range(start, start + _MINUTE_MS) if start >= 0 else range(0)

    prefix, _, ulid = business_id.partition("_")
    if prefix in _ULID_PREFIXES and is_ulid(ulid):
        start = ulid_milliseconds(ulid)
        return range(start, start + 1)

    return range(0)


def _minute(text: str) -> datetime:
    """The UTC minute `yyyyMMddHHmm`. Raises ValueError for what is not in the calendar."""
    year, month, day, hour, minute = (int(text[a:b]) for a, b in _MINUTE_PARTS)
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def _matching(pattern: re.Pattern[str], text: str, code: str, wanted: str, field: str) -> str:
    if pattern.fullmatch(text) is None:
        raise Refused(code, f"expected {wanted}", field=field)

    return text


def _usable(value: int) -> int:
    """Step off the two numbers that a ledger may not use; 2**-127 of all ids move by one."""
    return min(max(value, 1), _U128_MAX - 1)

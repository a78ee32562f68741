"""The audit trail's lines and their seals: what is hashed, what is signed, what follows on what.

A seal covers the lines of its batch by the root of their Merkle tree, and everything before them by
the hash of the seal before. Both are hashed as canonical JSON: an array that begins with its tag,
of texts and whole numbers only, UTF-8 without spaces, escaped as RFC 8785 (3.2.2.2) has it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from fluxiq.domain.merkle import HASH_BYTES, leaf_hash, root_of

LINE_TAG: Final = "fluxiq.audit.line.1"
SEAL_TAG: Final = "fluxiq.audit.seal.1"
NO_SEAL: Final = bytes(HASH_BYTES)  # what the first seal follows on

_encode = msgspec.json.Encoder().encode


class Place(Struct, frozen=True, order=True):
    """Where a line stands: by its transaction, then by its number (docs/audit.md)."""

    xid: int
    id: int


START: Final = Place(0, 0)


class Line(Struct, frozen=True, kw_only=True):
    """Who did what to which record. `before` and `digest` are SHA-256 of the record as it was and
    as it is since; empty where there was none, or where the line before it of the subject says it.

    `merchant_id` is whose record it is, empty for the institution's own. `credential`, `address`
    and `request_id` are as in `ports.origin.Origin`.
    """

    id: int
    xid: int
    at: datetime
    actor: str
    credential: str
    address: str
    request_id: str
    action: str
    subject: str
    merchant_id: str
    before: bytes
    digest: bytes
    note: str

    @property
    def place(self) -> Place:
        return Place(self.xid, self.id)


class Seal(Struct, frozen=True, kw_only=True):
    """`count` lines, from `first` to `last` in the order of their places, under their `root`."""

    seq: int
    first: Place
    last: Place
    count: int
    root: bytes
    previous: bytes
    sealed_at: datetime
    key_id: str
    signature: bytes = b""


class Purge(Struct, frozen=True, kw_only=True):
    """The lines of the seal `seq` were deleted for their age; the seal stands for them."""

    seq: int
    count: int
    purged_at: datetime
    purged_by: str
    reason: str


def time_text(at: datetime) -> str:
    """UTC with microseconds and Z."""
    assert at.tzinfo is not None, "a naive time says nothing"
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def line_bytes(line: Line) -> bytes:
    """What of a line is hashed: all of it."""
    return _encode(
        (
            LINE_TAG,
            line.id,
            line.xid,
            time_text(line.at),
            line.actor,
            line.credential,
            line.address,
            line.request_id,
            line.action,
            line.subject,
            line.merchant_id,
            line.before.hex(),
            line.digest.hex(),
            line.note,
        )
    )


def leaf_of(line: Line) -> bytes:
    return leaf_hash(line_bytes(line))


def seal_bytes(ispb: str, seal: Seal) -> bytes:
    """What of a seal is signed: all but the signature, and whose it is."""
    return _encode(
        (
            SEAL_TAG,
            ispb,
            seal.seq,
            seal.first.xid,
            seal.first.id,
            seal.last.xid,
            seal.last.id,
            seal.count,
            seal.root.hex(),
            seal.previous.hex(),
            time_text(seal.sealed_at),
            seal.key_id,
        )
    )


def seal_hash(ispb: str, seal: Seal) -> bytes:
    """What the next seal follows on."""
    return sha256(seal_bytes(ispb, seal)).digest()


def next_seal(
    ispb: str, head: Seal | None, lines: Sequence[Line], leaves: Sequence[bytes], now: datetime
) -> Seal:
    """The seal after `head` over `lines`, with their leaf hashes; neither named key nor signed."""
    assert lines, "a seal covers something"
    assert len(lines) == len(leaves), "one leaf for each line"
    assert head is None or lines[0].place > head.last, "nothing slips in behind a seal"
    return Seal(
        seq=1 if head is None else head.seq + 1,
        first=lines[0].place,
        last=lines[-1].place,
        count=len(lines),
        root=root_of(leaves),
        previous=NO_SEAL if head is None else seal_hash(ispb, head),
        sealed_at=now,
        key_id="",
    )

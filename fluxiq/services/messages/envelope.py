"""The envelopes of every answer, and what an idempotency key stands for."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from fluxiq.ports import Page

# What is said of each code of an `Unavailable`.
NOTHING_DONE: Final[Mapping[str, str]] = {
    "unavailable": "a part of the platform does not answer; nothing was done, try again later",
    "ledger_unavailable": "the ledger does not answer; nothing was done, try again later",
    "ledger_degraded": "the ledger does less than usual, and not this; nothing was done, try later",
}

Json = dict[str, Any]
T = TypeVar("T")
encode = msgspec.json.Encoder().encode


class Data(Struct, Generic[T], frozen=True):
    """The envelope of every success."""

    data: T


class Answer(Struct, frozen=True, kw_only=True):
    """What a use case that makes something says: the finished envelope, frozen for replays.

    `provisional`: said before all was done, so it is no replay's answer; Postgres will have that.
    """

    body: bytes
    replayed: bool = False
    provisional: bool = False


class PageMeta(Struct, frozen=True, kw_only=True):
    page: int
    per_page: int
    total: int
    total_pages: int


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """The envelope of every list."""

    data: list[T]
    meta: PageMeta


def listing(data: list[T], page: Page, total: int) -> Listing[T]:
    """One page of `total` records in the list's envelope."""
    meta = PageMeta(
        page=page.number, per_page=page.size, total=total, total_pages=-(-total // page.size)
    )
    return Listing(data=data, meta=meta)


def digest_of(request: Struct) -> bytes:
    """SHA-256 of the request with its fields in order: what an idempotency key stands for."""
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).digest()

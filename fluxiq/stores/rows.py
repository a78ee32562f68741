"""Between records and rows: batches as columns for `unnest`, rows as frozen records."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)


def columns(rows: Iterable[tuple[Any, ...]], count: int) -> list[list[Any]]:
    """`rows` of `count` values each, as the lists that `unnest` takes; no rows, empty lists."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    assert len(turned) in {0, count}, "every row has one value for each column"
    return turned or [[] for _ in range(count)]


def record(kind: type[R], row: Mapping[str, Any]) -> R:
    """A row whose columns are named like the fields of `kind`; other columns are left out."""
    return msgspec.convert(dict(row), kind)


def digest_of(written: msgspec.Struct) -> bytes:
    """SHA-256 of a record as JSON, for the audit trail."""
    return sha256(msgspec.json.encode(written, enc_hook=str)).digest()

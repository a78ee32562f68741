"""A call as data: what is sent, and how the answer is read."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

BASE: Final = "/api/v1"
PER_PAGE: Final = 100  # the most that the API gives

Json = dict[str, Any]
QueryValue = str | int
T = TypeVar("T")

_KEY = re.compile(r"[!-~]{1,255}")
_KEY_BYTES = 16


class PageMeta(Struct, frozen=True, kw_only=True):
    page: int
    per_page: int
    total: int
    total_pages: int


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    data: tuple[T, ...]
    meta: PageMeta


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One call. `path` is below BASE; `read` makes the result of a 2xx's body."""

    method: str
    path: str
    read: Callable[[bytes], T]
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    body: bytes | None = None
    idempotency_key: str | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"


def path(template: str, *words: str) -> str:
    """`template` with each `{}` replaced. Raises ValueError for a word that would be another path.

    >>> path("/pix/dict/{}", "+5511999998888")
    '/pix/dict/%2B5511999998888'
    """
    for word in words:
        if word in {"", ".", ".."}:
            raise ValueError(f"{word!r} names nothing")
    return template.format(*(quote(word, safe="") for word in words))


def get(where: str, read: Callable[[bytes], T], **query: object) -> Request[T]:
    return Request("GET", where, read, query=_query(query))


def page_of(where: str, item: type[T], **query: object) -> Request[Page[T]]:
    """The first page of a list; `at_page` makes the others."""
    said = {"page": 1, "per_page": PER_PAGE, **_query(query)}
    return Request("GET", where, whole(Page[item]), query=said)  # type: ignore[valid-type]


def at_page(request: Request[Page[T]], number: int) -> Request[Page[T]]:
    return replace(request, query={**request.query, "page": number})


def post(
    where: str, read: Callable[[bytes], T], body: Json | None = None, key: str | None = None
) -> Request[T]:
    """Always under an idempotency key, so that it can be repeated; a new one unless given.

    Raises ValueError for a key that is not 1 to 255 visible ASCII characters.
    """
    key = new_key() if key is None else key
    if _KEY.fullmatch(key) is None:
        raise ValueError("an idempotency key is 1 to 255 visible ASCII characters")
    content = None if body is None else msgspec.json.encode(body)
    return Request("POST", where, read, body=content, idempotency_key=key)


def patch(where: str, read: Callable[[bytes], T], body: Json) -> Request[T]:
    return Request("PATCH", where, read, body=msgspec.json.encode(body))


def put(where: str, read: Callable[[bytes], T], body: Json) -> Request[T]:
    return Request("PUT", where, read, body=msgspec.json.encode(body))


def delete(where: str) -> Request[None]:
    return Request("DELETE", where, nothing)


def said(**values: object) -> Json:
    """A body of what is not None: the API refuses null where it does not mean anything."""
    return {name: value for name, value in values.items() if value is not None}


def new_key() -> str:
    return f"sdk-{secrets.token_hex(_KEY_BYTES)}"


# How answers are read.


def data(kind: type[T]) -> Callable[[bytes], T]:
    """The `data` of the envelope. Unknown fields are passed over: the API may grow."""
    decode = _decoder(_Data[kind])  # type: ignore[valid-type]
    return lambda body: decode(body).data


def whole(kind: type[T]) -> Callable[[bytes], T]:
    """The envelope itself, where it says more than `data`."""
    hashable: Any = kind  # every type is; mypy doubts it of type[T]
    return _decoder(hashable)


def raw(body: bytes) -> bytes:
    return body


def nothing(body: bytes) -> None:
    del body


class _Data(Struct, Generic[T], frozen=True):
    data: T


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode


def _query(values: Mapping[str, object]) -> dict[str, QueryValue]:
    return {name: _word(value) for name, value in values.items() if value is not None}


def _word(value: object) -> QueryValue:
    if isinstance(value, date):
        return value.isoformat()
    assert isinstance(value, str | int), f"{value!r} is no word of a query"
    return value

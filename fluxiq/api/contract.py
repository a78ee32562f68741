"""Typed routes: what an endpoint takes and gives, as data, and the strict way in and out.

A handler is an async function whose parameters are its contract: `call`, then any of `body` (a
Struct, decoded strictly from JSON), `query` (a Struct), `raw` (the bytes as they came), and path
parameters by name. Who may call it and which rate class counts it have no default.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from werkzeug.datastructures import Headers, MultiDict

from fluxiq.errors import Refused
from fluxiq.ports import Idempotency
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.tenant import Tenant, Tenants

JSON: Final = "application/json"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"

# The permission of endpoints that need no key. A word, so that none is public by forgetting.
PUBLIC: Final = "public"

# A word in a path: ids, names, end-to-end ids. Nothing that would surprise a database.
PathText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]

Handler = Callable[..., Awaitable["Struct | Reply"]]


class Rate(StrEnum):
    """Which of an API key's allowances a call uses up."""

    READ = "read"
    WRITE = "write"
    CALLBACK = "callback"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Call:
    """One request beside its body: who asks, from where, with which headers, and since when."""

    tenants: Tenants
    headers: Headers
    remote: str
    arrived_at: datetime
    caller: Caller | None

    @property
    def tenant(self) -> Tenant:
        return self._known().tenant

    @property
    def merchant_id(self) -> str:
        return self._known().merchant_id

    def idempotency(self, body: Struct, key: str | None = None) -> Idempotency | None:
        """The caller's key, from the header or `key` (the body's own), with the digest of `body`.

        Raises Refused("validation_failed") when the header is not a key, or both differ.
        """
        said = self.headers.get(IDEMPOTENCY_KEY)
        if said is not None and _KEY.fullmatch(said) is None:
            raise _invalid("expected 1 to 255 visible ASCII characters", IDEMPOTENCY_KEY)
        if said is not None and key is not None and said != key:
            raise _invalid(f"differs from the header {IDEMPOTENCY_KEY}", "idempotency_key")

        key = said or key
        return None if key is None else Idempotency(key=key, digest=digest_of(body))

    def _known(self) -> Caller:
        assert self.caller is not None, "a public endpoint has no caller"
        return self.caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A finished body, where a handler does not leave the encoding to us."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None  # the endpoint's own unless given
    content_type: str = JSON


NO_CONTENT: Final = Reply(body=b"", status=204)


def answered(answer: Answer) -> Reply:
    """A use case's finished envelope; a replay says so in a header."""
    return Reply(body=answer.body, headers=_REPLAYED if answer.replayed else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A route as data. `path` is a template: `/api/v1/pix/charges/{charge_id}`."""

    method: str
    path: str
    name: str
    summary: str
    permission: str
    rate: Rate
    status: int
    reply: Any
    body: Any
    query: Any
    raw: bool
    parameters: Mapping[str, Any]
    handler: Handler

    @property
    def rule(self) -> str:
        """The path as werkzeug writes it."""
        return _PARAMETER.sub(r"<\1>", self.path)


class Routes:
    """The endpoints of one resource, under one path."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.endpoints: list[Endpoint] = []

    def get(
        self, path: str = "", *, permission: str, rate: Rate, reply: Any
    ) -> Callable[[Handler], Handler]:
        return self._register("GET", path, permission=permission, rate=rate, reply=reply)

    def post(
        self, path: str = "", *, permission: str, rate: Rate, reply: Any, status: int
    ) -> Callable[[Handler], Handler]:
        return self._register(
            "POST", path, permission=permission, rate=rate, reply=reply, status=status
        )

    def patch(
        self, path: str = "", *, permission: str, rate: Rate, reply: Any
    ) -> Callable[[Handler], Handler]:
        return self._register("PATCH", path, permission=permission, rate=rate, reply=reply)

    def delete(
        self, path: str = "", *, permission: str, rate: Rate
    ) -> Callable[[Handler], Handler]:
        """Answers with no body: the handler returns `NO_CONTENT`."""
        return self._register(
            "DELETE", path, permission=permission, rate=rate, reply=None, status=204
        )

    def _register(
        self, method: str, path: str, *, permission: str, rate: Rate, reply: Any, status: int = 200
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            types = inspect.get_annotations(handler, eval_str=True)
            names = _PARAMETER.findall(self.prefix + path)
            assert set(types) - {"call", "return"} <= {"body", "query", "raw", *names}, (
                f"{handler.__name__} takes something that a request does not have"
            )
            endpoint = Endpoint(
                method=method,
                path=self.prefix + path,
                name=handler.__name__,
                summary=inspect.getdoc(handler) or "",
                permission=permission,
                rate=rate,
                status=status,
                reply=reply,
                body=types.get("body"),
                query=types.get("query"),
                raw="raw" in types,
                parameters={name: types[name] for name in names},
                handler=handler,
            )
            self.endpoints.append(endpoint)
            return handler

        return register


class Reader:
    """Turns what an endpoint is sent into its handler's arguments, once checked."""

    def __init__(self, endpoint: Endpoint) -> None:
        fields = list(endpoint.parameters.items())
        self._path: Any = msgspec.defstruct("Path", fields) if fields else None
        self._query = endpoint.query
        self._numbers = _number_fields(endpoint.query)
        self._body = None
        if endpoint.body is not None:
            self._body = msgspec.json.Decoder(endpoint.body).decode
        self.wants_body = self._body is not None or endpoint.raw

    def path(self, said: Mapping[str, str]) -> dict[str, Any]:
        """Raises Refused("validation_failed") naming the parameter."""
        if self._path is None:
            return {}
        try:
            msgspec.convert(said, self._path)
        except msgspec.ValidationError as error:
            raise _validation(error) from None
        return dict(said)

    def query(self, said: "MultiDict[str, str]") -> dict[str, Any]:
        """Raises Refused("validation_failed"), also for an unknown or repeated parameter."""
        if self._query is None:
            return {}

        values: dict[str, Any] = {}
        for name, texts in said.lists():
            if len(texts) > 1:
                raise _invalid("given more than once", name)
            # msgspec's own lax mode would read 1e3 as a number.
            is_number = name in self._numbers and _NUMBER.fullmatch(texts[0])
            values[name] = int(texts[0]) if is_number else texts[0]
        try:
            return {"query": msgspec.convert(values, self._query)}
        except msgspec.ValidationError as error:
            raise _validation(error) from None

    def body(self, content_type: str, raw: bytes) -> dict[str, Any]:
        """Raises Refused: unsupported_media_type, malformed_json or validation_failed."""
        if self._body is None:
            return {"raw": raw} if self.wants_body else {}

        if content_type.partition(";")[0].strip().lower() != JSON:
            raise Refused("unsupported_media_type", f"the body must be sent as {JSON}")
        try:
            value = self._body(raw)
        except msgspec.ValidationError as error:
            raise _validation(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused("malformed_json", f"the body is not JSON: {error}") from None
        except RecursionError:
            raise Refused("malformed_json", "the body is nested too deeply") from None

        if b"\\u0000" in raw:
            _refuse_nul(msgspec.json.decode(raw), "")
        return {"body": value}


_REPLAYED = {"Idempotency-Replayed": "true"}
_PARAMETER = re.compile(r"\{(\w+)\}")
_KEY = re.compile(r"[!-~]{1,255}")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_WHERE = re.compile(r"\.|\[([0-9]+|\.\.\.)\]")


def _number_fields(query: Any) -> frozenset[str]:
    if query is None:
        return frozenset()
    info = msgspec.inspect.type_info(query)
    assert isinstance(info, msgspec.inspect.StructType), "a query is a Struct"
    return frozenset(
        one.encode_name for one in info.fields if isinstance(one.type, msgspec.inspect.IntType)
    )


def _validation(error: msgspec.ValidationError) -> Refused:
    """What msgspec says, `… - at `$.recipient.pix_key`` as a message and a dotted field."""
    message, _, where = str(error).partition(" - at `")
    at = where.partition("`")[0].removeprefix("$")
    names = [name for name in _WHERE.sub(r".\1", at).split(".") if name]
    if message.startswith(("Object contains unknown field", "Object missing required field")):
        names.append(message.split("`")[1])
    return _invalid(message, ".".join(names) or None)


def _invalid(message: str, name: str | None) -> Refused:
    return Refused("validation_failed", message, field=name)


def _refuse_nul(value: Any, at: str) -> None:
    """PostgreSQL stores no U+0000, neither in text nor in jsonb."""
    if isinstance(value, str) and "\0" in value:
        raise _invalid("U+0000 cannot be stored", at or None)
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_nul(name, at)
            _refuse_nul(inner, f"{at}.{name}" if at else name)
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_nul(inner, f"{at}.{index}")

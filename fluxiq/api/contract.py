"""Typed routes: what an endpoint takes and gives, as data; `reader.py` is the strict way in.

A handler is an async function whose parameters are its contract: `call`, then any of `body` (a
Struct, decoded strictly from JSON), `query` (a Struct), `raw` (the bytes as they came), and path
parameters by name. Who may call it and which rate class counts it have no default. `refuses` says
which codes it may answer beside those of every endpoint (`fluxiq.api.openapi` tells them all).
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypedDict, Unpack

from msgspec import Meta, Struct
from werkzeug.datastructures import Headers

from fluxiq.domain.roles import INSTITUTION_ONLY, OWN
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Idempotency
from fluxiq.ports.operations import OperationsDesk, Operator
from fluxiq.ports.origin import origin
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.tenant import Tenant, Tenants
from fluxiq.settings import Settings

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
    STRANGER = "stranger"  # by address, by the handler, once it knows in which institution
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Call:
    """One request beside its body: who asks, from where, with which headers, and since when."""

    tenants: Tenants
    headers: Headers
    remote: str
    arrived_at: datetime
    caller: Caller | None
    query_text: str = ""  # as sent, without the question mark
    address: str = ""  # the client's, by which rates are counted: `remote` may be a proxy
    count_stranger: Callable[[Tenant], Awaitable[None]] | None = None
    desk: OperationsDesk | None = None

    @property
    def operations(self) -> OperationsDesk:
        """The operators' desk. Raises Unavailable where this process has none."""
        if self.desk is None:
            raise Unavailable("operations", "there is no desk here")
        return self.desk

    @property
    def operator(self) -> Operator:
        """Who asks at it. Raises Refused("forbidden") for an API key."""
        return operator_of(self._known(), self.address)

    @property
    def tenant(self) -> Tenant:
        return self._known().tenant

    @property
    def merchant_id(self) -> str:
        return self._known().merchant_id

    @property
    def known_caller(self) -> Caller:
        return self._known()

    @property
    def actor(self) -> str:
        """Who is accountable for this call: the id of the API key or the user, `key_…`, `usr_…`."""
        return self._known().actor

    @property
    def settings(self) -> Settings:
        """Those of the platform, where no institution is known."""
        opened = self.tenants.all()
        if not opened:
            raise Unavailable("institution", "none is open yet")
        return opened[0].settings

    async def admit_stranger(self, tenant: Tenant) -> None:
        """Count the address among those without a key. Raises Refused("rate_limited")."""
        assert self.count_stranger is not None, "strangers come through the door"
        await self.count_stranger(tenant)

    def idempotency(self, body: Struct, key: str | None = None) -> Idempotency | None:
        """The caller's key, from the header or `key` (the body's own), with the digest of `body`.

        Raises Refused("validation_failed") when the header is not a key, or both differ.
        """
        said = self.said_key()
        if said is not None and key is not None and said != key:
            raise _invalid(f"differs from the header {IDEMPOTENCY_KEY}", "idempotency_key")

        key = said or key
        return None if key is None else Idempotency(key=key, digest=digest_of(body))

    def money_idempotency(self, body: Struct, key: str | None) -> Idempotency:
        """The same, for what moves money. Raises Refused("idempotency_key_required") without."""
        idempotency = self.idempotency(body, key)
        if idempotency is None:
            raise Refused(
                "idempotency_key_required",
                f"money moves once: send idempotency_key, or the header {IDEMPOTENCY_KEY}",
                field="idempotency_key",
            )
        return idempotency

    def said_key(self) -> str | None:
        """The header's key. Raises Refused("validation_failed") when it is none."""
        said = self.headers.get(IDEMPOTENCY_KEY)
        if said is not None and _KEY.fullmatch(said) is None:
            raise _invalid("expected 1 to 255 visible ASCII characters", IDEMPOTENCY_KEY)
        return said

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
    """A route as data. `path` is a template: `/api/v1/pix/charges/{charge_id}`.

    `refuses` are the codes of its own; `media` the types of its answer, the usual one first; `also`
    the statuses that it answers with a body of their own (None: without one) beside `status`.
    `institution`: whether the institution's own people reach it too, if their role may; what is a
    merchant's they do not.
    """

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
    refuses: tuple[str, ...] = ()
    media: tuple[str, ...] = (JSON,)
    also: Mapping[int, Any] = field(default_factory=dict)
    institution: bool = False

    @property
    def takes_key(self) -> bool:
        """Every POST of a merchant takes an idempotency key; a provider's notice has its own id."""
        return self.method == "POST" and not self.raw

    @property
    def rule(self) -> str:
        """The path as werkzeug writes it."""
        return _PARAMETER.sub(r"<\1>", self.path)


class Told(TypedDict, total=False):
    """What the document tells of an endpoint beside what its handler's types say: see Endpoint."""

    refuses: tuple[str, ...]
    media: tuple[str, ...]
    also: Mapping[int, Any]
    institution: bool


class Routes:
    """The endpoints of one resource, under one path. `institution` is that of those that say
    nothing else.
    """

    def __init__(self, prefix: str, *, institution: bool = False) -> None:
        self.prefix = prefix
        self.institution = institution
        self.endpoints: list[Endpoint] = []

    def get(
        self, path: str = "", *, permission: str, rate: Rate, reply: Any, **told: Unpack[Told]
    ) -> Callable[[Handler], Handler]:
        return self._register("GET", path, told, permission=permission, rate=rate, reply=reply)

    def post(
        self,
        path: str = "",
        *,
        permission: str,
        rate: Rate,
        reply: Any,
        status: int,
        **told: Unpack[Told],
    ) -> Callable[[Handler], Handler]:
        return self._register(
            "POST", path, told, permission=permission, rate=rate, reply=reply, status=status
        )

    def patch(
        self, path: str = "", *, permission: str, rate: Rate, reply: Any, **told: Unpack[Told]
    ) -> Callable[[Handler], Handler]:
        return self._register("PATCH", path, told, permission=permission, rate=rate, reply=reply)

    def put(
        self, path: str = "", *, permission: str, rate: Rate, reply: Any, **told: Unpack[Told]
    ) -> Callable[[Handler], Handler]:
        return self._register("PUT", path, told, permission=permission, rate=rate, reply=reply)

    def delete(
        self, path: str = "", *, permission: str, rate: Rate, **told: Unpack[Told]
    ) -> Callable[[Handler], Handler]:
        """Answers with no body: the handler returns `NO_CONTENT`."""
        return self._register(
            "DELETE", path, told, permission=permission, rate=rate, reply=None, status=204
        )

    def _register(
        self,
        method: str,
        path: str,
        told: Told,
        *,
        permission: str,
        rate: Rate,
        reply: Any,
        status: int = 200,
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
                **Told(institution=self.institution) | told,
            )
            self.endpoints.append(endpoint)
            _permissions.add(permission)
            return handler

        return register


def operator_of(caller: Caller, address: str) -> Operator:
    """A person of an institution, by the request that is being answered. Raises
    Refused("forbidden") for an API key.
    """
    ispb = caller.tenant.ispb
    return Operator(
        user_id=caller.person.user_id,
        ispb=ispb,
        of_platform=ispb in caller.tenant.settings.operators.institutions,
        address=address,
        request_id=origin().request_id,
    )


def known_permissions() -> frozenset[str]:
    """Every permission that some endpoint asks for: what an API key may be given."""
    return frozenset(_permissions - {PUBLIC, OWN} - INSTITUTION_ONLY)


_REPLAYED = {"Idempotency-Replayed": "true"}
_PARAMETER = re.compile(r"\{(\w+)\}")
_KEY = re.compile(r"[!-~]{1,255}")

# Filled as the files of the resources are imported, which is before the first request.
_permissions: set[str] = set()


def _invalid(message: str, name: str | None) -> Refused:
    return Refused("validation_failed", message, field=name)

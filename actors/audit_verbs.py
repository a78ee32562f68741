"""What operators ask and order of the audit trails: verify, search, export, prove, purge."""

from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from msgspec import to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb, merged
from actors.audit_keys import public_keys
from actors.audit_verifier import AUDIT_VERIFIER, VerifyAudit
from actors.platform import Platform
from actors.tenants import tenant_of
from fluxiq.domain.audit import START, Place
from fluxiq.domain.audit_signature import key_id_of
from fluxiq.ports import Page
from fluxiq.ports.audit import LinesWanted
from fluxiq.ports.origin import origin
from fluxiq.services.messages.audit import AuditFormat
from fluxiq.services.prove_audit import prove_line
from fluxiq.services.purge_audit import purge_audit
from fluxiq.services.show_audit import csv_head, exported, list_lines
from fluxiq.services.tenant import Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk

CALL_SECONDS_MAX = 5.0
LISTED = 50
LISTED_MAX = 1000
FILTERS = ("actor", "action", "subject", "merchant", "since", "until")


def audit_verbs(platform: Platform) -> Hooks:
    return verbs_of(platform.tenants, partial(public_keys, platform))


def verbs_of(tenants: Tenants, keys_of: Callable[[str], list[bytes]]) -> Hooks:
    """`keys_of` an institution are its public keys, the newest last."""
    return merged(_reading(tenants), _proving(tenants, keys_of))


def _reading(tenants: Tenants) -> Hooks:
    async def search(_desk: "Desk", arguments: Arguments) -> object:
        tenant, wanted = tenant_of(tenants, arguments), _wanted(arguments)
        page, limit = arguments.number("page", 1), arguments.number("limit", LISTED)
        arguments.done()
        if not (1 <= limit <= LISTED_MAX and page >= 1):
            raise BadArguments(f"limit: must be 1 to {LISTED_MAX}")
        found = await list_lines(tenant.audit_chain, wanted, Page(number=page, size=limit))
        return to_builtins(found)

    async def export(_desk: "Desk", arguments: Arguments) -> object:
        """One piece, and where the next begins; null after the last."""
        tenant, wanted = tenant_of(tenants, arguments), _wanted(arguments)
        kind = arguments.text("format", "jsonl")
        after = Place(arguments.number("after_xid", 0), arguments.number("after_id", 0))
        arguments.done()
        if kind not in {"jsonl", "csv"}:
            raise BadArguments("format: must be jsonl or csv")
        head = csv_head() if kind == "csv" and after == START else b""
        form: AuditFormat = "csv" if kind == "csv" else "jsonl"
        pieces = exported(tenant.audit_chain, tenant.ispb, wanted, form, after)
        async with aclosing(pieces):
            async for lines, text in pieces:
                last = lines[-1].place
                return {"text": (head + text).decode(), "next": [last.xid, last.id]}
        return {"text": head.decode(), "next": None}

    return Hooks(
        looks={
            "audit_search": Verb(search, ("institution", *FILTERS, "page", "limit")),
            "audit_export": Verb(
                export, ("institution", *FILTERS, "format", "after_xid", "after_id")
            ),
        }
    )


def _proving(tenants: Tenants, keys_of: Callable[[str], list[bytes]]) -> Hooks:
    async def verify(desk: "Desk", arguments: Arguments) -> object:
        ispb, checkpoints = arguments.text("institution", ""), arguments.flag("checkpoints")
        number = arguments.number("run", 0) or None
        arguments.done()
        if ispb:
            tenants.get(ispb)
        message = VerifyAudit((ispb,) if ispb else (), checkpoints, number)
        run = await desk.tree.ref(AUDIT_VERIFIER).call(message, timeout=CALL_SECONDS_MAX)
        return to_builtins(run)

    async def prove(_desk: "Desk", arguments: Arguments) -> object:
        tenant, line_id = tenant_of(tenants, arguments), arguments.number("line", 0)
        arguments.done()
        return to_builtins(await prove_line(tenant.audit_chain, tenant.ispb, line_id))

    async def keys(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        arguments.done()
        found = keys_of(tenant.ispb)
        return [{"id": key_id_of(one), "public_key": one.hex()} for one in found]

    async def purge(_desk: "Desk", arguments: Arguments) -> object:
        tenant, reason = tenant_of(tenants, arguments), arguments.reason()
        arguments.done()
        who = origin().credential or "operator"
        return to_builtins(await purge_audit(tenant.audit_chain, tenant.clock, who, reason))

    return Hooks(
        looks={
            "audit_verify": Verb(verify, ("institution", "checkpoints", "run")),
            "audit_prove": Verb(prove, ("institution", "line")),
            "audit_keys": Verb(keys, ("institution",)),
        },
        deeds={"audit_purge": Verb(purge, ("institution", "reason"))},
    )


def _wanted(arguments: Arguments) -> LinesWanted:
    return LinesWanted(
        merchant_id=arguments.text("merchant", "") or None,
        actor=arguments.text("actor", "") or None,
        action=arguments.text("action", "") or None,
        subject=arguments.text("subject", "") or None,
        since=arguments.moment("since"),
        until=arguments.moment("until"),
    )

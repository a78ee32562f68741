"""What operators do for people who ask about their data: hand it out, and erase what may go.

Both are deeds: they are written down, the document masked. An export comes in pieces; `next` of one
is the `walk` of the following one.
"""

from typing import TYPE_CHECKING

import msgspec

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.tenants import tenant_of
from fluxiq.domain.privacy import Erasure, Walk, staying
from fluxiq.services.privacy import erase_person, export_person, show_erasure
from fluxiq.services.tenant import Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk


def privacy_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def privacy_export(_desk: "Desk", arguments: Arguments) -> object:
        tenant, document = tenant_of(tenants, arguments), arguments.text("document")
        walk, reason = _walk(arguments), arguments.reason()
        arguments.done()
        mentions, following = await export_person(tenant, document, reason, walk)
        return msgspec.to_builtins(
            {
                "records": mentions,
                "next": None if following is None else msgspec.json.encode(following).decode(),
            }
        )

    async def privacy_erase(_desk: "Desk", arguments: Arguments) -> object:
        tenant, document = tenant_of(tenants, arguments), arguments.text("document")
        reason = arguments.reason()
        arguments.done()
        return _told(await erase_person(tenant, document, reason))

    async def privacy_erasure(_desk: "Desk", arguments: Arguments) -> object:
        tenant, document = tenant_of(tenants, arguments), arguments.text("document")
        arguments.done()
        return _told(await show_erasure(tenant, document))

    return Hooks(
        looks={"privacy_erasure": Verb(privacy_erasure, ("institution", "document"))},
        deeds={
            "privacy_export": Verb(privacy_export, ("institution", "document", "walk", "reason")),
            "privacy_erase": Verb(privacy_erase, ("institution", "document", "reason")),
        },
    )


def _walk(arguments: Arguments) -> Walk | None:
    said = arguments.text("walk", "")
    try:
        return msgspec.json.decode(said, type=Walk) if said else None
    except msgspec.DecodeError:
        raise BadArguments("walk: must be what `next` of the piece before says") from None


def _told(erasure: Erasure) -> object:
    """Without the person: who asks knows whom."""
    return msgspec.to_builtins(
        {
            "id": erasure.id,
            "asked_at": erasure.asked_at,
            "ended_at": erasure.ended_at,
            "erased": erasure.erased,
            "stays": staying(erasure),
        }
    )

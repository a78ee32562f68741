"""Infractions out of the post room: on paper, then blocked as every fraud report is."""

from collections.abc import Sequence

from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.infraction import Infraction, InfractionStage, InfractionStatus
from fluxiq.domain.records import InboxEntry, NoticeKind
from fluxiq.services.pursue_infraction import pursue_infraction
from fluxiq.services.tenant import Tenant

KINDS = frozenset({NoticeKind.INFRACTION, NoticeKind.INFRACTION_WITHDRAWN})


async def hear_infractions(tenant: Tenant, entries: Sequence[InboxEntry]) -> list[Infraction]:
    """What is on record of each, after its first steps. Raises Unavailable or Unknown: they come
    again, and what is on paper is pursued by the sweep meanwhile.
    """
    heard = []
    for entry in entries:
        known = await tenant.infractions.hear(_said(tenant, entry), entry.id)
        heard.append(await pursue_infraction(tenant, known))
    return heard


def _said(tenant: Tenant, entry: InboxEntry) -> Infraction:
    notice, said = entry.notice, entry.notice.infraction
    assert said is not None, f"{entry.id} is about an infraction and does not say which"
    now = tenant.clock.now()
    withdrawn = notice.kind is NoticeKind.INFRACTION_WITHDRAWN
    return Infraction(
        id=tenant.ids.new(IdPrefix.INFRACTION),
        provider=entry.provider,
        number=said.number,
        end_to_end_id=notice.end_to_end_id,
        reason=said.reason,
        details=said.details,
        stage=InfractionStage.WITHDRAWN if withdrawn else InfractionStage.HEARD,
        told=InfractionStatus.CANCELLED if withdrawn else InfractionStatus.OPEN,
        created_at=now,
        updated_at=now,
        due_at=now,
    )

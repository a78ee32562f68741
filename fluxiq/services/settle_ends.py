"""What providers say, but for money received, as it comes out of one queue: who is to hear what."""

from collections.abc import Sequence

from msgspec import Struct

from fluxiq.domain.infraction import Infraction
from fluxiq.domain.records import InboxEntry, NoticeKind, Payout, PayoutReturn, Refund
from fluxiq.services.hear_infractions import KINDS, hear_infractions
from fluxiq.services.settle_outcomes import settle_notices
from fluxiq.services.settle_refunds import settle_refund_notices
from fluxiq.services.settle_returns import settle_return_notices
from fluxiq.services.tenant import Tenant

_REFUND = "D"  # what the name of a refund begins with in SPI
_ENDS = frozenset({NoticeKind.CONFIRMED, NoticeKind.REJECTED})


class Ends(Struct, frozen=True, kw_only=True):
    """What a batch of notices changed."""

    payouts: Sequence[Payout] = ()
    refunds: Sequence[Refund] = ()
    returns: Sequence[PayoutReturn] = ()
    infractions: Sequence[Infraction] = ()


async def settle_ends(tenant: Tenant, entries: Sequence[InboxEntry]) -> Ends:
    """Payouts before their returns. Raises Unavailable or Unknown: they come again."""
    returned = [one for one in entries if one.notice.kind is NoticeKind.RETURNED]
    reported = [one for one in entries if one.notice.kind in KINDS]
    others = [one for one in entries if one.notice.kind in _ENDS]
    refunded = [one for one in others if one.notice.end_to_end_id.startswith(_REFUND)]
    paid = [one for one in others if not one.notice.end_to_end_id.startswith(_REFUND)]
    return Ends(
        payouts=await settle_notices(tenant, paid),
        refunds=await settle_refund_notices(tenant, refunded),
        returns=await settle_return_notices(tenant, returned) if returned else (),
        infractions=await hear_infractions(tenant, reported),
    )

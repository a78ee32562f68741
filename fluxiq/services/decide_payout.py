"""A person says how a payout ended whose provider does not: the last resort, with evidence.

The provider is asked once more. What it says decides, also against the person; only where it says
nothing, or has had the order for an hour and says no more than that, does the person's word post or
void the hold, by the way of every other end. A notice that comes later and says otherwise changes
nothing and is noted as a contradiction: that is money to be claimed, or owed.
"""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import OrderAnswer
from fluxiq.services.orders import Verdict
from fluxiq.services.settle_orders import settle_orders, verdict_of
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.tenant import Tenant

SILENCE_SECONDS: Final = 3600  # since it was made: SPI ends a payment within 40 s

_MAY_HAVE_LEFT: Final = {PayoutStage.SENT, PayoutStage.IN_DOUBT}


class Decision(Struct, frozen=True, kw_only=True):
    """What goes to the audit trail, as a digest."""

    payout_id: str
    event: PayoutEvent
    evidence: str


async def decide_payout(
    tenant: Tenant, actor: str, payout_id: str, event: PayoutEvent, evidence: str
) -> Payout:
    """The payout as it ended: CONFIRMED or FAILED, whichever `event` says. Twice is once.

    Raises Refused: payout_not_found, payout_not_in_doubt, provider_disagrees; Unavailable, Unknown.
    """
    assert event in {PayoutEvent.CONFIRMED, PayoutEvent.FAILED}, "a payout ends in one of two ways"
    payout = await _find(tenant, payout_id)
    if payout.stage.value == event.value:
        return payout
    _require_silence(tenant, payout)

    verdict = _agreed(payout, event, await _answer(tenant, payout))
    # The decision is on paper before the ledger hears of it.
    decision = Decision(payout_id=payout_id, event=event, evidence=evidence)
    await tenant.audit.note(actor, "payout.decided", payout_id, decision)
    await settle_orders(tenant, PAYOUTS, [verdict])
    return await _find(tenant, payout_id)


async def _find(tenant: Tenant, payout_id: str) -> Payout:
    payout = await tenant.store.find_payout(payout_id)
    if payout is None:
        raise Refused("payout_not_found", f"no payout {payout_id}", field="id")
    return payout


def _require_silence(tenant: Tenant, payout: Payout) -> None:
    age = tenant.clock.now() - payout.created_at
    if payout.stage in _MAY_HAVE_LEFT and age >= timedelta(seconds=SILENCE_SECONDS):
        return
    raise Refused(
        "payout_not_in_doubt",
        f"{payout.id} is {payout.stage} since {int(age.total_seconds())} s: decided is what was"
        f" sent and did not end for {SILENCE_SECONDS} s",
    )


async def _answer(tenant: Tenant, payout: Payout) -> OrderAnswer | None:
    try:
        return await tenant.provider.enquire(payout.end_to_end_id)
    except Unavailable:
        return None


def _agreed(payout: Payout, event: PayoutEvent, answer: OrderAnswer | None) -> Verdict[Payout]:
    """Raises Refused("provider_disagrees")."""
    if answer is None or answer.state == "accepted":
        return Verdict(order=payout, order_id=payout.end_to_end_id, event=event)
    verdict = verdict_of(payout, answer)
    if verdict is None:  # it does not know the order, which therefore is sent once more
        raise Refused("provider_disagrees", "the provider has no such order: it is sent again")
    if verdict.event is not event:
        raise Refused("provider_disagrees", f"the provider, asked, says it is {answer.state}")
    return verdict

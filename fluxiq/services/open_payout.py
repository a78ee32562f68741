"""A merchant pays somebody: Door and Counter have judged, Archive writes the intent, Vault holds.

The intent is on paper before money moves. A crash between the two is found by the sweep, which
holds again what was not held; every step is idempotent by the payout's end-to-end id. One payout is
a batch of one: each room is entered once for all orders of a request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fluxiq.domain.records import Account, Payout
from fluxiq.errors import FluxiqError, Refused, Unavailable, Unknown
from fluxiq.ports import Differs, Fresh, Idempotency, PayoutOpening, Replay, Running
from fluxiq.services.foreseen import foresee_all, left_to_the_sweep
from fluxiq.services.hold_payouts import hold_payouts
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.messages.payouts import OpenPayout, PayoutView, payout_view
from fluxiq.services.payout_counter import Intent, Judged, judge_orders
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant
from fluxiq.services.within_limits import Opened, open_within_limits


@dataclass(frozen=True, slots=True)
class Asked:
    """An order and the key it stands under; the key is not part of the order."""

    order: OpenPayout
    idempotency: Idempotency


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an order: its answer, or the error instead. `payout_id` is on paper, so an
    error that is not a refusal leaves open how it ends.
    """

    said: Answer | FluxiqError
    payout_id: str | None = None

    def answer(self) -> Answer:
        """Raises the error."""
        if isinstance(self.said, FluxiqError):
            raise self.said
        return self.said

    def again(self) -> "Decision":
        """What the same request is told when it comes again."""
        if isinstance(self.said, FluxiqError):
            return self
        return Decision(Answer(body=self.said.body, replayed=True), self.payout_id)


async def open_payout(
    tenant: Tenant,
    merchant_id: str,
    request: OpenPayout,
    idempotency: Idempotency,
    arrived_at: datetime,
) -> Answer:
    """Accepted means: on paper, and held unless the ledger is slow to answer; then the sweep holds
    it, or fails it. Raises Refused (funds, limit, key …), Unavailable, or Unknown.
    """
    asked = Asked(request, idempotency)
    [decision] = await open_payouts(tenant, merchant_id, [asked], arrived_at)
    return decision.answer()


async def open_payouts(
    tenant: Tenant, merchant_id: str, asked: Sequence[Asked], arrived_at: datetime
) -> list[Decision]:
    """What became of each order. Raises Unavailable while nothing is on paper."""
    orders = [one.order for one in asked]
    judged = foresee_all(tenant, await judge_orders(tenant, merchant_id, orders, arrived_at))
    decisions = await _not_going_ahead(tenant, merchant_id, asked, judged)

    intents = {index: one for index, one in enumerate(judged) if isinstance(one, Intent)}
    openings = await _write_down(tenant, asked, intents)
    fresh = [intents[index] for index, opening in openings.items() if isinstance(opening, Fresh)]
    held = await _hold(tenant, fresh)
    for index, opening in openings.items():
        decisions[index] = _decide(opening, intents[index].payout.id, held)
    return [decisions[index] for index in range(len(asked))]


async def hold_payout(tenant: Tenant, payout: Payout, account: Account) -> Answer:
    """Hold the money of an intent that is on paper. Raises Refused when the vault said no."""
    [said] = await hold_payouts(tenant, [Intent(payout=payout, account=account)])
    if isinstance(said, Refused):
        raise said
    return said


async def show_payout(tenant: Tenant, merchant_id: str, payout_id: str) -> PayoutView:
    """Raises Refused("payout_not_found"), also for a payout of another merchant."""
    payout = await tenant.store.find_payout(payout_id)
    if payout is None or payout.merchant_id != merchant_id:
        raise Refused("payout_not_found", f"no payout {payout_id}", field="payout_id")
    return payout_view(payout)


async def _not_going_ahead(
    tenant: Tenant, merchant_id: str, asked: Sequence[Asked], judged: Sequence[Judged]
) -> dict[int, Decision]:
    """Of orders that are refused today: what they were answered when they came first, if they did.

    A key may have left DICT, an account may be blocked by now: the answer of then still holds, or
    its merchant would believe the refusal and pay twice.
    """
    errors = {index: one for index, one in enumerate(judged) if not isinstance(one, Intent)}
    if not errors:
        return {}

    keys = [asked[index].idempotency for index in errors]
    known = await tenant.payments.find_openings(merchant_id, keys, tenant.clock.now())
    return {
        index: Decision(error) if before is None else _replayed(before)
        for (index, error), before in zip(errors.items(), known, strict=True)
    }


async def _write_down(
    tenant: Tenant, asked: Sequence[Asked], intents: Mapping[int, Intent]
) -> dict[int, Opened]:
    """The intents, before money moves. Of equal keys the first wins."""
    if not intents:
        return {}

    openings = await open_within_limits(
        tenant,
        [
            PayoutOpening(payout=one.payout, idempotency=asked[index].idempotency, steps=one.steps)
            for index, one in intents.items()
        ],
    )
    return dict(zip(intents, openings, strict=True))


async def _hold(tenant: Tenant, fresh: Sequence[Intent]) -> dict[str, Decision]:
    """What was decided, by payout. They are on paper: no answer leaves them to the sweep."""
    said: Sequence[Answer | FluxiqError]
    try:
        said = await hold_payouts(tenant, fresh)
    except Unknown as error:
        said = [error] * len(fresh)
    except Unavailable as error:
        said = [left_to_the_sweep(payout_view(one.payout), error) for one in fresh]
    return {
        intent.payout.id: Decision(one, intent.payout.id)
        for intent, one in zip(fresh, said, strict=True)
    }


def _decide(opening: Opened, payout_id: str, held: Mapping[str, Decision]) -> Decision:
    match opening:
        case Refused() | Unavailable():
            return Decision(opening)  # above a limit: nothing is on paper
        case Fresh():
            return held[payout_id]
        case Running(resource_id=first) if first in held:
            return held[first].again()  # the same order twice in one batch
        case _:
            return _replayed(opening)


def _replayed(opening: Replay | Running | Differs) -> Decision:
    payout_id = opening.resource_id if isinstance(opening, Running) else None
    try:
        return Decision(replay(opening), payout_id)
    except Refused as refused:
        return Decision(refused, payout_id)

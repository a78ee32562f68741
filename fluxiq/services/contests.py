"""Contests as merchants make, follow and take them back; what providers hear is `tell_contests`."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from fluxiq.domain.contest import Contest, ContestStatus, cancelled, require_contestable
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.records import Event, Payout
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Fresh, Idempotency, Page
from fluxiq.ports.contests import ContestExists, ContestMoved, ContestOpening, ContestsWanted
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.contests import ContestPayout, ContestView, contest_view
from fluxiq.services.messages.envelope import Answer, Data, Listing, digest_of, encode, listing
from fluxiq.services.replay import replay, replay_if_known
from fluxiq.services.tenant import Tenant

TRIES_MAX = 3


class _Asked(Struct, frozen=True):
    """What a key stands for: the contest of this very payout."""

    payout_id: str
    request: ContestPayout


async def open_contest(
    caller: Caller, payout_id: str, request: ContestPayout, key: Idempotency | None
) -> Answer:
    """Accepted means: on paper; the sweep has the provider carry it on. The same contest again is
    the same one. Raises Refused: payout_not_found, payout_not_contestable, contest_deadline_passed,
    contest_exists; Unavailable.
    """
    tenant, merchant_id = caller.tenant, caller.merchant_id
    asked = digest_of(_Asked(payout_id, request))
    idempotency = None if key is None else Idempotency(key=key.key, digest=asked)
    payout = await _payout(tenant, merchant_id, payout_id)
    try:
        require_contestable(payout, tenant.clock.now())
    except Refused:
        known = await replay_if_known(tenant, merchant_id, idempotency)
        if known is None:
            raise
        return known

    contest = _draw_up(tenant, caller.actor, payout, request)
    answer = _answer(contest, payout)
    opened = await tenant.contests.open(
        ContestOpening(contest=contest, idempotency=idempotency, response=answer.body)
    )
    if isinstance(opened, ContestExists):
        return _again(opened.contest, payout, request)
    return answer if isinstance(opened, Fresh) else replay(opened)


async def show_contest(tenant: Tenant, merchant_id: str, payout_id: str) -> ContestView:
    """The newest one of a payout. Raises Refused: payout_not_found, contest_not_found."""
    payout = await _payout(tenant, merchant_id, payout_id)
    return contest_view(await _newest(tenant, payout_id), payout.returned_amount)


async def cancel_contest(caller: Caller, payout_id: str) -> ContestView:
    """The customer takes it back. Twice is once. Raises Refused: payout_not_found,
    contest_not_found, contest_decided.
    """
    tenant, actor = caller.tenant, caller.actor
    payout = await _payout(tenant, caller.merchant_id, payout_id)
    for _ in range(TRIES_MAX):
        before = await _newest(tenant, payout_id)
        after = cancelled(before, tenant.clock.now())
        if after is None:
            raise Refused(
                "contest_decided",
                f"a contest that is {before.status} cannot be taken back",
                details={"status": before.status},
            )
        if after is before or await write_down(tenant, before, after, payout, actor=actor):
            return contest_view(after, payout.returned_amount)

    raise Unavailable("records", f"others write about the contest of {payout_id} at this moment")


async def list_contests(tenant: Tenant, wanted: ContestsWanted, page: Page) -> Listing[ContestView]:
    """Newest first."""
    contests, total = await tenant.contests.page(wanted, page)
    return listing(await _views(tenant, contests), page, total)


async def write_down(
    tenant: Tenant, before: Contest, after: Contest, payout: Payout, *, actor: str, note: str = ""
) -> bool:
    """Whether `after` is on paper, and its merchant told: not where somebody else was quicker."""
    kind = event_kind(before, after)
    event = None if kind is None else _event(tenant, after, payout, kind)
    moved = ContestMoved(contest=after, before=before, actor=actor, event=event, note=note)
    archived = await tenant.contests.move(moved)
    if archived is None:
        return False
    if event is not None:
        tenant.relay.ring()
        tenant.couriers.ring(archived.endpoint_ids)
    return True


def event_kind(before: Contest, after: Contest) -> str | None:
    """What merchants are told of this step. An acknowledgement is no news but that it arrived."""
    if after.status is before.status:
        return None
    if after.status is ContestStatus.ACKNOWLEDGED:
        return "pix.contest.reported" if before.status is ContestStatus.REPORTING else None
    return f"pix.contest.{after.status}"


def _event(tenant: Tenant, contest: Contest, payout: Payout, kind: str) -> Event:
    return Event(
        id=tenant.ids.new(IdPrefix.EVENT),
        merchant_id=contest.merchant_id,
        type=kind,
        created_at=contest.updated_at,
        data=contest_view(contest, payout.returned_amount),
    )


def _draw_up(tenant: Tenant, actor: str, payout: Payout, request: ContestPayout) -> Contest:
    now = tenant.clock.now()
    return Contest(
        id=tenant.ids.new(IdPrefix.CONTEST),
        payout_id=payout.id,
        merchant_id=payout.merchant_id,
        account_id=payout.account_id,
        end_to_end_id=payout.end_to_end_id,
        amount=payout.amount,
        reason=request.reason,
        details=request.details,
        status=ContestStatus.REPORTING,
        provider=tenant.institution.providers[0].name,
        opened_by=actor,
        created_at=now,
        updated_at=now,
        due_at=now,
    )


def _answer(contest: Contest, payout: Payout) -> Answer:
    return Answer(body=encode(Data(contest_view(contest, payout.returned_amount))))


def _again(known: Contest | None, payout: Payout, request: ContestPayout) -> Answer:
    """The contest that is there, if it is the same one."""
    if known is None:
        raise Unavailable("records", f"the contest of {payout.id} has just ended")
    said = (request.reason, request.details)
    if known.status is ContestStatus.CANCELLED or (known.reason, known.details) != said:
        raise Refused(
            "contest_exists",
            f"the payout has a contest that is {known.status}",
            details={"contest_id": known.id, "status": known.status},
        )
    return msgspec.structs.replace(_answer(known, payout), replayed=True)


async def _payout(tenant: Tenant, merchant_id: str, payout_id: str) -> Payout:
    payout = await tenant.store.find_payout(payout_id)
    if payout is None or payout.merchant_id != merchant_id:
        raise Refused("payout_not_found", f"no payout {payout_id}", field="payout_id")
    return payout


async def _newest(tenant: Tenant, payout_id: str) -> Contest:
    contest = await tenant.contests.find_of_payout(payout_id)
    if contest is None:
        raise Refused("contest_not_found", f"{payout_id} is not contested", field="payout_id")
    return contest


async def _views(tenant: Tenant, contests: Sequence[Contest]) -> list[ContestView]:
    ids = {one.end_to_end_id for one in contests}
    payouts = await tenant.store.payouts(sorted(ids)) if ids else {}
    return [contest_view(one, payouts[one.end_to_end_id].returned_amount) for one in contests]

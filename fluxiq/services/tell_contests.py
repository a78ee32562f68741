"""The sweep of contests: the provider hears what it is owed, and is asked how they stand.

Telling moves no money, and by the contest's own id twice is once. Yet an answer that was lost is
asked for before anything is said again, as with orders; and none is ever called failed for want of
an answer.
"""

from collections.abc import Awaitable
from typing import Final

import msgspec

from fluxiq.domain.contest import (
    Contest,
    ContestAnswer,
    ContestStatus,
    ContestWord,
    Owed,
    asked_at,
    doubted,
    heard,
)
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports.contest_desk import ContestDesk
from fluxiq.services.block_report import PLATFORM
from fluxiq.services.contests import write_down
from fluxiq.services.settle_orders import CONTRADICTION
from fluxiq.services.tenant import Tenant

SWEEP_MAX: Final = 200
STEPS_MAX: Final = 2  # ask what was lost, say what is owed


async def tell_contests(tenant: Tenant) -> int:
    """One round; returns at how many it looked. What fails keeps nobody else from being heard: it
    is raised at the end (Unavailable), and comes again.
    """
    failed: Unavailable | None = None
    due = await tenant.contests.due(tenant.clock.now(), SWEEP_MAX)
    for contest in due:
        try:
            await _tell(tenant, contest)
        except Unavailable as error:
            failed = error
    if failed is not None:
        raise failed
    return len(due)


async def _tell(tenant: Tenant, contest: Contest) -> None:
    try:
        desk = tenant.provider_named(contest.provider)
    except Refused:
        # The link is not declared any more; it may be again.
        now = tenant.clock.now()
        later = msgspec.structs.replace(contest, due_at=asked_at(contest, now), updated_at=now)
        await _write(tenant, contest, later)
        return

    known = contest
    for _ in range(STEPS_MAX):
        after = await _step(tenant, known, desk)
        if after is None or after.owed is None or after.due_at > tenant.clock.now():
            return
        known = after


async def _step(tenant: Tenant, contest: Contest, desk: ContestDesk) -> Contest | None:
    """The contest after one call, on paper; None where somebody else wrote meanwhile: it is seen as
    it is then in the next round.
    """
    try:
        answer = await _call(desk, contest)
    except Unknown:
        return await _write(tenant, contest, doubted(contest, tenant.clock.now()))
    after = heard(contest, answer, tenant.clock.now())
    return await _write(tenant, contest, after, _note(contest, answer))


def _call(desk: ContestDesk, contest: Contest) -> Awaitable[ContestAnswer]:
    if contest.in_doubt or contest.owed is Owed.ASK:
        return desk.find_contest(contest.id)
    if contest.owed is Owed.CANCEL:
        return desk.cancel_contest(contest.id)
    return desk.report_contest(contest)


def _note(contest: Contest, answer: ContestAnswer) -> str:
    """What a person should look at: the provider's books and ours differ."""
    if answer.word is ContestWord.UNKNOWN and contest.owed is Owed.ASK:
        return f"{CONTRADICTION}the provider does not know it"
    if contest.status is ContestStatus.CANCELLED and answer.word in {
        ContestWord.ACCEPTED,
        ContestWord.REJECTED,
    }:
        return f"{answer.word} before it was taken back"
    return answer.reason or ""


async def _write(tenant: Tenant, before: Contest, after: Contest, note: str = "") -> Contest | None:
    payouts = await tenant.store.payouts([before.end_to_end_id])
    payout = payouts[before.end_to_end_id]
    written = await write_down(tenant, before, after, payout, actor=PLATFORM, note=note)
    return after if written else None

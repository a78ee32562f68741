"""Scheduled PIX: on paper until its day, then made, put off until the evening, or failed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.domain.records import AccountStatus, NoticeKind, Payout, PayoutStage, Recipient
from fluxiq.domain.schedule_pix import DAYS_AHEAD_MAX, first_try
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports import Idempotency
from fluxiq.services.limits import show_limits
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.payouts import OrderPayout, RecipientSaid
from fluxiq.services.run_scheduled import fail_overdue, run_scheduled
from fluxiq.services.schedule_payout import cancel_payout, schedule_payout
from fluxiq.services.sweep import UNHELD_SECONDS, resume_unheld
from tests.support.memory_world import BY_ACCOUNT, KEY, Crash, Fault, MemoryWorld

DAY = date(2026, 11, 24)  # the world opens on the 22nd, at 9:00 in São Paulo
MORNING = datetime(2026, 11, 24, 9, tzinfo=UTC)
EVENING = datetime(2026, 11, 24, 21, tzinfo=UTC)


async def ask(world: MemoryWorld, amount: int = 40_00, under: str = "rent", **said: Any) -> Answer:
    request = OrderPayout(
        **{
            "amount": amount,
            "recipient": RecipientSaid(pix_key=KEY),
            "scheduled_for": DAY,
            **said,
        }
    )
    idempotency = Idempotency(key=under, digest=digest_of(request))
    now = world.clock.now()
    return await schedule_payout(world.tenant, world.merchant_id, request, idempotency, now)


async def scheduled(world: MemoryWorld, amount: int = 40_00, **said: Any) -> Payout:
    return await world.payout_of(await ask(world, amount, **said))


async def cancel(world: MemoryWorld, payout: Payout) -> str:
    view = await cancel_payout(world.tenant, world.merchant_id, "key_1", payout.id)
    return view.status.value


async def run_due(world: MemoryWorld) -> list[str]:
    """What the workers do with the jobs that are due; returns the payouts they were for."""
    due = [one for one in world.jobs.rows.values() if one.run_at <= world.clock.now()]
    for job in due:
        await run_scheduled(world.tenant, job.args["payout_id"])
        del world.jobs.rows[job.id]
    return [job.args["payout_id"] for job in due]


def told(world: MemoryWorld) -> list[str]:
    return [one.type for one in world.store.events if one.type.startswith("pix.payout.")]


async def test_until_its_day_it_is_on_paper_and_holds_nothing(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    assert (payout.stage, payout.scheduled_for) == (PayoutStage.SCHEDULED, DAY)
    assert (await world.balance()).debits_pending == 0
    assert world.provider.sent == []
    assert told(world) == ["pix.payout.scheduled"]
    assert payout.end_to_end_id[9:21] == "202611240900"

    world.clock.at = MORNING - timedelta(seconds=1)
    assert await run_due(world) == []


async def test_on_its_day_it_is_made_as_any_other(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    world.clock.at = MORNING
    assert await run_due(world) == [payout.id]
    assert world.now_of(payout).stage is PayoutStage.HELD
    await world.run_rooms()
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()

    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    assert told(world) == [f"pix.payout.{one}" for one in ("scheduled", "processing", "confirmed")]
    assert (await world.store.prove_books()).mismatches == ()


async def test_it_counts_into_the_limits_of_its_day_and_not_of_today(world: MemoryWorld) -> None:
    await scheduled(world)
    account_id = world.merchant.account.id

    async def used() -> int:
        shown = await show_limits(world.tenant, world.merchant_id, account_id)
        return shown.today.used

    assert await used() == 0
    world.clock.at = MORNING
    await run_due(world)
    assert await used() == 40_00


async def test_the_same_request_again_is_the_same_payout_also_after_its_day(
    world: MemoryWorld,
) -> None:
    first = await ask(world)
    world.clock.at = MORNING
    await run_due(world)
    world.clock.at = MORNING + timedelta(hours=1)
    again = await ask(world)
    assert (again.body, again.replayed) == (first.body, True)
    assert len(world.store.payouts_by_id) == 1


@pytest.mark.parametrize("days", [-1, 0, DAYS_AHEAD_MAX + 1])
async def test_a_day_that_has_begun_or_is_too_far_is_refused(world: MemoryWorld, days: int) -> None:
    day = date(2026, 11, 22) + timedelta(days=days)
    with pytest.raises(Refused) as caught:
        await ask(world, scheduled_for=day)
    assert (caught.value.code, caught.value.details["field"]) == (
        "invalid_schedule",
        "scheduled_for",
    )
    assert world.store.payouts_by_id == {}


async def test_a_year_ahead_is_taken(world: MemoryWorld) -> None:
    payout = await scheduled(world, scheduled_for=date(2027, 11, 22))
    [job] = world.jobs.rows.values()
    assert (job.run_at, job.args) == (
        first_try(date(2027, 11, 22)),
        {"payout_id": payout.id},
    )


async def test_cancelled_it_is_never_made(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    assert await cancel(world, payout) == "cancelled"
    assert await cancel(world, payout) == "cancelled"
    world.clock.at = MORNING
    await run_due(world)
    assert world.now_of(payout).stage is PayoutStage.CANCELLED
    assert told(world) == ["pix.payout.scheduled", "pix.payout.cancelled"]
    assert (await world.store.prove_books()).mismatches == ()


async def test_once_it_is_being_made_it_cannot_be_cancelled(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    world.clock.at = MORNING
    await run_due(world)
    with pytest.raises(Refused) as caught:
        await cancel(world, payout)
    assert (caught.value.code, caught.value.details) == (
        "payout_not_scheduled",
        {"status": "processing"},
    )


async def test_what_lacks_funds_in_the_morning_is_paid_in_the_evening(world: MemoryWorld) -> None:
    payout = await scheduled(world, 150_00)
    world.clock.at = MORNING
    await run_due(world)
    assert world.now_of(payout).stage is PayoutStage.SCHEDULED
    await world.fund(50_00)

    world.clock.at = EVENING - timedelta(seconds=1)
    assert await run_due(world) == []
    world.clock.at = EVENING
    assert await run_due(world) == [payout.id]
    assert world.now_of(payout).stage is PayoutStage.HELD


async def test_what_lacks_funds_in_the_evening_fails_and_is_told(world: MemoryWorld) -> None:
    payout = await scheduled(world, 150_00)
    for when in (MORNING, EVENING):
        world.clock.at = when
        await run_due(world)

    ended = world.now_of(payout)
    assert (ended.stage, ended.failure_code) == (PayoutStage.FAILED, "insufficient_funds")
    assert told(world) == ["pix.payout.scheduled", "pix.payout.failed"]
    assert world.store.events[-1].data.failure.code == "insufficient_funds"
    assert world.jobs.rows == {}


async def test_a_recipient_who_left_ends_it_in_the_morning(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    world.cache.values.clear()
    del world.provider.owners[KEY]
    world.clock.at = MORNING
    await run_due(world)
    assert world.now_of(payout).failure_code == "pix_key_not_found"


@pytest.mark.parametrize(
    ("now", "code"),
    [
        ({"name": "Somebody else"}, "recipient_changed"),
        ({"ispb": "12345678"}, "same_institution"),
        ({"ispb": "99999999"}, None),
    ],
)
async def test_a_key_that_moved_is_paid_and_one_that_changed_hands_is_not(
    world: MemoryWorld, now: dict[str, str], code: str | None
) -> None:
    payout = await scheduled(world)
    world.cache.values.clear()
    owner = world.provider.owners[KEY]
    world.provider.owners[KEY] = msgspec.structs.replace(owner, **now)
    world.clock.at = MORNING
    await run_due(world)
    assert world.now_of(payout).failure_code == code
    if code is None:
        assert world.now_of(payout).recipient.ispb == "99999999"


async def test_an_account_is_paid_on_its_day_as_it_was_said(world: MemoryWorld) -> None:
    payout = await scheduled(world, recipient=BY_ACCOUNT)
    world.clock.at = MORNING
    await run_due(world)
    made = world.now_of(payout)
    assert (made.stage, made.recipient) == (PayoutStage.HELD, payout.recipient)
    assert world.provider.asked == [], "an account has no key to look up"


async def test_documents_tell_people_apart_where_both_are_known(world: MemoryWorld) -> None:
    world.provider.owners[KEY] = Recipient(
        pix_key=KEY, pix_key_type="EMAIL", name="Ana", document="52998224725", ispb="00000000"
    )
    payout = await scheduled(world)
    world.cache.values.clear()
    world.provider.owners[KEY] = msgspec.structs.replace(
        world.provider.owners[KEY], name="Ana Maria"
    )
    world.clock.at = MORNING
    await run_due(world)
    assert world.now_of(payout).stage is PayoutStage.HELD


async def test_a_blocked_account_pays_nothing(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    account = world.merchant.account
    world.store.accounts[account.id] = msgspec.structs.replace(
        account, status=AccountStatus.BLOCKED
    )
    world.clock.at = MORNING
    await run_due(world)
    assert world.now_of(payout).failure_code == "account_not_active"


async def test_what_was_missed_is_not_paid_on_another_day(world: MemoryWorld) -> None:
    by_job, by_sweep = await scheduled(world), await scheduled(world, under="other")
    world.clock.at = MORNING + timedelta(days=1)
    await run_scheduled(world.tenant, by_job.id)
    assert await fail_overdue(world.tenant) == 1
    assert await fail_overdue(world.tenant) == 0
    for payout in (by_job, by_sweep):
        assert world.now_of(payout).failure_code == "schedule_missed"
    assert (await world.balance()).debits_pending == 0


async def test_the_sweep_leaves_what_is_for_today(world: MemoryWorld) -> None:
    await scheduled(world)
    world.clock.at = MORNING
    assert await fail_overdue(world.tenant) == 0


async def test_a_provider_cannot_end_what_it_was_never_asked_for(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    await world.receive(
        world.provider.notice(NoticeKind.REJECTED, payout.end_to_end_id, reason_code="AC03"),
        world.provider.notice(NoticeKind.CONFIRMED, payout.end_to_end_id),
    )
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.SCHEDULED
    assert world.store.notes == ["failed_after_scheduled", "confirmed_after_scheduled"]


@pytest.mark.parametrize(
    "call", ["scheduled.start", "ledger.create_transfers", "store.settle_holds"]
)
@pytest.mark.parametrize("fault", Fault)
async def test_whatever_breaks_on_its_day_it_is_paid_once(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    payout = await scheduled(world)
    world.clock.at = MORNING
    world.faults.at[call] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await run_scheduled(world.tenant, payout.id)

    assert not world.faults.at, "the fault was met"
    await run_scheduled(world.tenant, payout.id)
    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    await resume_unheld(world.tenant)
    assert world.now_of(payout).stage is PayoutStage.HELD
    assert (await world.balance()).debits_pending == 40_00
    shown = await show_limits(world.tenant, world.merchant_id, world.merchant.account.id)
    assert shown.today.used == 40_00


async def test_while_dict_says_nothing_it_waits(world: MemoryWorld) -> None:
    payout = await scheduled(world)
    world.cache.values.clear()
    world.clock.at = MORNING
    world.faults.away.add("provider")
    with pytest.raises(Unavailable):
        await run_scheduled(world.tenant, payout.id)
    assert world.now_of(payout).stage is PayoutStage.SCHEDULED

"""Limits of customers in the use cases: what is refused, what counts, what is given back."""

import pytest

from fluxiq.domain.limits import LimitKind
from fluxiq.domain.records import PayoutStage
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Idempotency
from fluxiq.services.limits import choose_limits, show_limits
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.limits import ChooseLimits, LimitsView, NightStart
from fluxiq.services.messages.payouts import OpenPayout, RecipientSaid
from fluxiq.services.open_payout import Asked, Decision, open_payouts
from fluxiq.services.within_limits import ROUNDS_MAX
from tests.support.memory_world import KEY, Fault, MemoryWorld

HOURS = 3600
NIGHT = 12 * HOURS  # from 9:00 to 21:00 in São Paulo


async def choose(
    world: MemoryWorld,
    *,
    per_payment: int | None = None,
    per_day: int | None = None,
    per_night: int | None = None,
    night_starts: NightStart = "20:00",
) -> LimitsView:
    request = ChooseLimits(
        per_payment=per_payment, per_day=per_day, per_night=per_night, night_starts=night_starts
    )
    account_id = world.merchant.account.id
    return await choose_limits(world.tenant, world.merchant_id, "key_1", account_id, request)


async def shown(world: MemoryWorld) -> LimitsView:
    return await show_limits(world.tenant, world.merchant_id, world.merchant.account.id)


async def send(world: MemoryWorld, *amounts: int) -> list[str]:
    """Lines of one batch: accepted, or the code of the refusal."""
    orders = [OpenPayout(amount=one, recipient=RecipientSaid(pix_key=KEY)) for one in amounts]
    asked = [
        Asked(one, Idempotency(key=world.ids.new("evt"), digest=digest_of(one))) for one in orders
    ]
    decisions = await open_payouts(world.tenant, world.merchant_id, asked, world.clock.now())
    return [_word(one) for one in decisions]


def _word(decision: Decision) -> str:
    match decision.said:
        case Answer():
            return "accepted"
        case Refused() as refused:
            return refused.code
        case error:
            return type(error).__name__


async def refused(world: MemoryWorld, amount: int) -> Refused:
    with pytest.raises(Refused) as caught:
        await world.pay(amount)
    return caught.value


async def test_a_payment_above_the_limit_of_each_is_refused_with_what_it_is(
    world: MemoryWorld,
) -> None:
    await choose(world, per_payment=10_00, per_night=1_000_00)
    error = await refused(world, 10_01)
    assert error.code == "amount_above_limit"
    assert error.details["kind"] is LimitKind.PER_PAYMENT
    assert (error.details["limit"], error.details["used"]) == (10_00, 0)
    assert error.details["resets_at"] is None
    await world.pay(10_00)


async def test_the_day_is_full_until_midnight_in_sao_paulo(world: MemoryWorld) -> None:
    await choose(world, per_day=50_00)
    await world.pay(30_00)
    error = await refused(world, 20_01)
    assert (error.details["limit"], error.details["used"]) == (50_00, 30_00)
    await world.pay(20_00)
    assert (await shown(world)).today.left == 0

    world.clock.at = error.details["resets_at"]
    await world.pay(20_01)
    assert (await shown(world)).today.used == 20_01


async def test_a_natural_person_has_a_limit_at_night_without_having_chosen(
    world: MemoryWorld,
) -> None:
    await world.fund(2_000_00)
    world.clock.pass_seconds(NIGHT)
    await world.pay(999_00)
    error = await refused(world, 1_01)
    assert error.details["kind"] is LimitKind.PER_NIGHT
    assert (error.details["limit"], error.details["used"]) == (1_000_00, 999_00)
    await world.pay(1_00)

    view = await shown(world)
    assert view.tonight is not None
    assert (view.tonight.used, view.tonight.left) == (1_000_00, 0)
    world.clock.at = error.details["resets_at"]
    await world.pay(1_01)


async def test_a_company_has_none(world: MemoryWorld) -> None:
    company = await world.enroll(name="Loja", document="00038166000105")
    view = await show_limits(world.tenant, company.merchant.id, company.account.id)
    assert (view.per_payment, view.per_day, view.per_night) == (None, None, None)


async def test_a_raise_holds_a_day_later_and_not_a_second_sooner(world: MemoryWorld) -> None:
    await choose(world, per_day=10_00)
    view = await choose(world, per_day=40_00)
    assert (view.per_day, view.raised and view.raised.per_day) == (10_00, 40_00)

    await refused(world, 10_01)
    world.clock.pass_seconds(24 * HOURS - 1)
    await refused(world, 10_01)
    world.clock.pass_seconds(1)
    await world.pay(10_01)
    assert (await shown(world)).raised is None


async def test_the_same_raise_said_again_comes_no_later_and_tells_nobody(
    world: MemoryWorld,
) -> None:
    await choose(world, per_day=10_00)
    first = await choose(world, per_day=40_00)
    told = len(world.store.events)
    world.clock.pass_seconds(HOURS)
    again = await choose(world, per_day=40_00)
    assert again.raised == first.raised
    assert len(world.store.events) == told


async def test_less_holds_at_once_also_where_the_limits_were_read_a_moment_ago(
    world: MemoryWorld,
) -> None:
    await world.pay(1_00)  # remembers the limits
    await choose(world, per_day=20_00, per_night=1_000_00)
    await refused(world, 20_00)
    await world.pay(19_00)


async def test_what_was_paid_before_the_choice_counts(world: MemoryWorld) -> None:
    await world.pay(30_00)
    view = await choose(world, per_day=20_00, per_night=1_000_00)
    assert (view.today.used, view.today.left) == (30_00, 0)


async def test_a_payout_that_lacks_funds_uses_nothing(world: MemoryWorld) -> None:
    await choose(world, per_day=500_00, per_night=1_000_00)
    assert (await refused(world, 101_00)).code == "insufficient_funds"
    assert (await shown(world)).today.used == 0


async def test_a_rejected_payout_gives_back_once(world: MemoryWorld) -> None:
    payout = await world.held(40_00)
    await world.run_rooms()
    assert (await shown(world)).today.used == 40_00

    notice = world.provider.reject(payout.end_to_end_id)
    await world.receive(notice, notice)
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.FAILED
    assert (await shown(world)).today.used == 0


async def test_what_fails_on_another_day_takes_nothing_from_that_day(world: MemoryWorld) -> None:
    payout = await world.held(40_00)
    await world.run_rooms()
    world.clock.pass_seconds(24 * HOURS)
    await world.pay(30_00)
    await world.receive(world.provider.reject(payout.end_to_end_id))
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.FAILED
    assert (await shown(world)).today.used == 30_00


async def test_a_confirmed_payout_stays_used(world: MemoryWorld) -> None:
    payout = await world.held(40_00)
    await world.run_rooms()
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()
    assert (await shown(world)).today.used == 40_00


async def test_of_a_batch_each_line_that_does_not_fit_leaves_its_room_to_the_next(
    world: MemoryWorld,
) -> None:
    await choose(world, per_day=50_00, per_night=1_000_00)
    assert await send(world, 30_00, 25_00, 20_00, 1) == [
        "accepted",
        "amount_above_limit",
        "accepted",
        "amount_above_limit",
    ]
    assert (await shown(world)).today.used == 50_00


async def test_the_same_request_again_is_answered_as_before_when_the_day_is_full(
    world: MemoryWorld,
) -> None:
    await choose(world, per_day=50_00, per_night=1_000_00)
    first = await world.pay(50_00, under="order")
    again = await world.pay(50_00, under="order")
    assert (again.body, again.replayed) == (first.body, True)
    assert (await shown(world)).today.used == 50_00


async def test_a_refusal_leaves_its_key_free(world: MemoryWorld) -> None:
    await choose(world, per_day=50_00, per_night=1_000_00)
    with pytest.raises(Refused):
        await world.pay(60_00, under="order")
    assert world.store.payouts_by_id == {}
    world.clock.pass_seconds(24 * HOURS)
    await choose(world, per_day=60_00, per_night=1_000_00)
    world.clock.pass_seconds(24 * HOURS)
    await world.pay(60_00, under="order")


async def test_a_payout_whose_answer_was_lost_counts_once(world: MemoryWorld) -> None:
    world.faults.at["store.settle_holds"] = Fault.ANSWER_LOST
    with pytest.raises(Exception, match="lost by the test"):
        await world.pay(40_00, under="order")
    await world.pay(40_00, under="order")
    assert (await shown(world)).today.used == 40_00


async def test_whoever_meets_others_again_and_again_is_told_to_come_back(
    world: MemoryWorld,
) -> None:
    """Nothing is on paper then, so the request is safe to repeat."""
    rows = world.store.limits
    rows.fits = lambda openings: False  # type: ignore[method-assign]  # somebody is always quicker
    with pytest.raises(Unavailable) as caught:
        await world.pay(1_00)
    assert caught.value.system == "limits"
    assert world.faults.calls.count("store.open_payouts") == ROUNDS_MAX + 1
    assert world.store.payouts_by_id == {}


async def test_a_choice_is_told(world: MemoryWorld) -> None:
    await choose(world, per_day=50_00, per_night=1_000_00, night_starts="22:00")
    event = world.store.events[-1]
    assert event.type == "account.limits_changed"
    assert (event.data.per_day, event.data.night_starts) == (50_00, "20:00")
    assert event.data.raised.night_starts == "22:00"

"""Batches, authority and U, when TigerBeetle or Postgres fails at a bad moment."""

from typing import Any

import pytest
import trio

from fluxiq.domain.records import TransferFlags
from fluxiq.errors import LedgerDegraded, Unavailable, Unknown
from fluxiq.ledgers.breaker import BreakerState
from fluxiq.ledgers.parts import Authority, Fenced, Mode
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.writer import BreakerKeeper, Policy, Writer
from tests.unit.ledgers.conftest import Clock, House, Told, open_house


def once(house: House, port: Any, name: str, error: Exception, *, done: bool) -> list[int]:
    """Let the next call of a port fail, after it was `done` or instead of it; count the calls."""
    original = getattr(port, name)
    calls: list[int] = []

    async def fails_once(*args: Any, **keywords: Any) -> Any:
        calls.append(len(calls))
        if len(calls) > 1:
            return await original(*args, **keywords)
        if done:
            await original(*args, **keywords)
        raise error

    setattr(port, name, fails_once)
    return calls


async def test_unknown_stays_unknown_to_its_caller_and_is_found_out_later(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    payment = house.pay(house.alice, house.bob, 30)
    house.server.stop()
    with pytest.raises(Unknown):
        await house.ask(payment)
    assert not house.in_tigerbeetle(payment)
    house.server.resume()
    await house.until(lambda: house.writer.submits)
    assert house.in_tigerbeetle(payment)
    assert await house.ask(payment) == ["exists"]
    await house.until(lambda: house.in_postgres(payment))
    assert house.available() == 70


async def test_nothing_is_submitted_while_it_is_suspect_but_the_same_bytes_once_more(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    first, second = house.pay(house.alice, house.bob, 30), house.pay(house.alice, house.bob, 20)
    house.server.stop()
    with pytest.raises(Unknown):
        await house.ask(first)
    told = Told()
    house.writer.put([second], told)
    await trio.sleep(0.5)
    assert house.keeper.state is BreakerState.SUSPECT
    assert len(house.database.unanswered()) == 1
    house.server.resume()
    await house.until(lambda: bool(told.answers))
    assert told.answers == [["created"]]
    await house.until(lambda: house.in_postgres(second))
    assert house.executed(first) == 2  # as it was sent, and to find out
    assert house.available() == 50


async def test_late_answer_reaches_its_caller_and_leaves_u_when_it_is_mirrored(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    payment = house.pay(house.alice, house.bob, 100)
    told = Told()
    house.server.stop()
    house.writer.put([payment], told)
    await house.until(lambda: bool(house.database.unanswered()))
    await house.leave()
    assert [row.seq for row in house.writer.follower.unknown.values()] == [2]
    assert await house.ask(house.pay(house.alice, house.settlement, 100)) == ["exceeds_credits"]
    house.server.resume()
    await house.until(lambda: not house.writer.follower.unknown)
    assert told.answers == [["created"]]
    assert house.in_postgres(payment)


async def test_what_depends_on_u_is_in_doubt_and_everything_else_goes_on(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    hold, in_doubt = house.hold(40), house.pay(house.alice, house.bob, 50)
    assert await house.ask(hold) == ["created"]
    house.server.stop()
    void = house.end(hold, TransferFlags.VOID_PENDING_TRANSFER, 0)
    with pytest.raises(Unknown):
        await house.ask(void)
    house.keeper.open("a test")
    await house.until(lambda: house.writer.stands_in)
    for unclear in (void, house.end(hold, TransferFlags.POST_PENDING_TRANSFER, 40)):
        with pytest.raises(Unknown, match="depends on one whose outcome is unknown"):
            await house.ask(unclear)
    assert await house.ask(in_doubt) == ["created"]
    house.server.resume()
    await house.return_()
    assert house.available() == 50


async def test_another_process_that_takes_over_ends_this_one(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    old = house.writer
    told = Told()
    house.start()
    await house.until(lambda: house.database.authority.epoch == 3)
    old.put([house.pay(house.settlement, house.alice, 1)], told)
    await house.until(lambda: old.ended)
    assert old.fenced
    assert [type(one) for one in told.answers] == [Unavailable]
    with pytest.raises(Unavailable):
        old.put([house.pay(house.settlement, house.alice, 1)], told)
    assert await house.ask(house.pay(house.settlement, house.alice, 1)) == ["created"]


async def test_zombie_cannot_stand_in_either(house: House, autojump_clock: Clock) -> None:
    await house.open()
    await house.leave()
    old = house.writer
    house.start()
    await house.until(lambda: house.database.authority.epoch == 4)
    with pytest.raises(Unavailable):
        await old.create_transfers([house.pay(house.settlement, house.alice, 1)])
    assert old.fenced


async def test_without_postgres_nothing_is_written_anywhere(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    house.postgres.up = False
    payment = house.pay(house.alice, house.bob, 30)
    with pytest.raises(Unavailable):
        await house.ask(payment)
    assert not house.in_tigerbeetle(payment)
    assert house.keeper.state is BreakerState.CLOSED
    house.postgres.up = True
    assert await house.ask(payment) == ["created"]


async def test_postgres_that_is_away_while_rows_are_resolved_is_no_failure_of_tigerbeetle(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    house.postgres.up = False
    house.writer.governor.left_unknown()
    await trio.sleep(5)
    assert house.keeper.state is BreakerState.CLOSED
    assert not house.writer.submits
    house.postgres.up = True
    await house.until(lambda: house.writer.submits)


@pytest.mark.parametrize("done", [True, False])
async def test_seal_without_an_answer_is_found_out_under_a_new_epoch(
    house: House, autojump_clock: Clock, done: bool
) -> None:
    await house.open()
    payment, before = house.pay(house.alice, house.bob, 30), house.database.authority
    once(house, house.writer.journal, "seal", Unknown("ledger", "a batch", "lost"), done=done)
    with pytest.raises(Unknown):
        await house.ask(payment)
    await house.until(lambda: house.writer.submits)
    # Of the old epoch it can never appear any more.
    assert house.database.authority == Authority(before.epoch + 2, Mode.TIGERBEETLE)
    with pytest.raises(Fenced):
        house.database.seal(before.epoch, [payment])
    assert house.in_tigerbeetle(payment) is done
    assert await house.ask(payment) == ["exists" if done else "created"]


async def test_answers_wait_for_postgres_and_callers_do_not(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    payment = house.pay(house.alice, house.bob, 30)
    gone = Unavailable("postgres", "gone")
    calls = once(house, house.writer.journal, "answer", gone, done=True)
    assert await house.ask(payment) == ["created"]
    await house.until(lambda: house.in_postgres(payment))
    assert len(calls) == 2
    assert not house.database.unanswered()


@pytest.mark.parametrize("done", [True, False])
async def test_opening_whose_answer_is_lost_is_repeated_until_it_is_known(
    house: House, autojump_clock: Clock, done: bool
) -> None:
    await house.open()
    gone = Unavailable("postgres", "gone")
    calls = once(house, house.writer.journal, "change", gone, done=done)
    await house.leave()
    assert len(calls) == 2
    assert house.writer.authority == house.database.authority == Authority(3, Mode.STANDIN)
    assert await house.ask(house.pay(house.alice, house.bob, 30)) == ["created"]
    assert not house.writer.fenced


async def test_nobody_stands_in_before_u_is_counted(house: House, autojump_clock: Clock) -> None:
    await house.open()
    gone = Unavailable("postgres", "gone")
    journal = house.writer.journal
    original, told = journal.unanswered, Told()

    async def unavailable() -> Any:
        raise gone

    journal.unanswered = unavailable  # type: ignore[method-assign]
    house.keeper.open("a test")
    await house.until_mode(Mode.STANDIN)
    house.writer.put([house.pay(house.alice, house.bob, 30)], told)
    await trio.sleep(1)
    assert not told.answers
    journal.unanswered = original  # type: ignore[method-assign]
    await house.until(lambda: told.answers == [["created"]])


async def test_answer_that_comes_while_u_is_counted_is_in_u_or_in_the_mirror(
    house: House, autojump_clock: Clock
) -> None:
    """Symptom: a row answered between the mirror's last step and the reading of U was in neither,
    so the stand-in spent its debit again.
    """
    await house.open()
    payment = house.pay(house.alice, house.bob, 100)
    seq = house.database.seal(house.database.authority.epoch, [payment])
    journal, mirror = house.writer.journal, house.writer.mirror
    catch_up = mirror.catch_up

    async def answered_meanwhile(rows: int) -> int:
        taken = await catch_up(rows)
        if not taken and house.database.unanswered():
            await journal.answer(
                [(seq, await house.writer.tigerbeetle.submit(pack_transfers([payment])))]
            )
        return taken

    mirror.catch_up = answered_meanwhile  # type: ignore[method-assign]
    await house.writer.follower.count_unknown()
    assert seq in house.writer.follower.unknown
    await house.writer.follower.follow()
    assert house.in_postgres(payment)
    assert not house.writer.follower.unknown


async def test_row_leaves_u_only_once_it_is_mirrored(house: House, autojump_clock: Clock) -> None:
    await house.open()
    payment = house.pay(house.alice, house.bob, 100)
    seq = house.database.seal(house.database.authority.epoch, [payment])
    await house.writer.follower.count_unknown()
    answer = await house.writer.tigerbeetle.submit(pack_transfers([payment]))
    mirror, seen = house.writer.mirror, list[bool]()
    catch_up = mirror.catch_up

    async def watched(rows: int) -> int:
        seen.append(seq in house.writer.follower.unknown)
        return await catch_up(rows)

    mirror.catch_up = watched  # type: ignore[method-assign]
    await house.writer.journal.answer([(seq, answer)])
    await house.writer.follower.follow()
    assert all(seen)
    assert house.in_postgres(payment)
    assert not house.writer.follower.unknown


# Crash and take-over


async def test_writer_may_be_cut_off_at_any_moment_and_its_successor_finishes(
    autojump_clock: Clock,
) -> None:
    """One life per moment: through normal work, an outage, the stand-in, and the way back."""
    for moment in range(40):
        async with open_house(autojump_clock) as house:
            await _cut_off_at(house, 0.02 + moment * 0.12)


async def _cut_off_at(house: House, seconds: float) -> None:
    await house.open()
    asked = [house.pay(house.alice, house.bob, 10) for _ in range(12)]
    told: dict[int, Any] = {}

    async def go_on() -> None:
        for one in asked:
            try:
                told[one.id] = (await house.writer.create_transfers([one]))[0]
            except (Unknown, Unavailable):
                told[one.id] = None
            await trio.sleep(0.3)

    async def weather() -> None:
        await trio.sleep(0.5)
        house.server.stop()
        await trio.sleep(2.5)
        house.server.resume()

    house.world.nursery.start_soon(go_on)
    house.world.nursery.start_soon(weather)
    await trio.sleep(seconds)
    house.process.scope.cancel()
    house.start()
    await house.until(lambda: len(told) == len(asked))
    await house.until(lambda: house.writer.submits)
    statuses = [(await house.ask(one))[0] for one in asked]
    for one, status in zip(asked, statuses, strict=True):
        assert told[one.id] is None or told[one.id].stands == status.stands, f"cut at {seconds}"
    await house.until(lambda: not house.database.behind() and not house.database.unanswered())
    assert house.available() == 100 - 10 * sum(status.stands for status in statuses)


async def test_successor_resolves_what_the_first_left_before_it_seals_anything(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    left = house.pay(house.alice, house.bob, 100)
    house.database.seal(house.database.authority.epoch, [left])
    house.process.scope.cancel()
    house.start()
    assert await house.ask(house.pay(house.alice, house.bob, 100)) == ["exceeds_credits"]
    assert house.in_tigerbeetle(left)


async def test_calls_to_a_writer_that_was_cut_off_end_at_once(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    house.server.stop()
    old, ends = house.writer, list[str]()

    async def ask(amount: int) -> None:
        try:
            await old.create_transfers([house.pay(house.settlement, house.alice, amount)])
        except (Unknown, Unavailable) as error:
            ends.append(type(error).__name__)

    house.world.nursery.start_soon(ask, 1)
    await trio.sleep(0.05)
    house.process.scope.cancel()
    await trio.sleep(0.05)
    await ask(2)
    assert ends == ["Unknown", "Unavailable"]


# Policies


async def test_fail_closed_refuses_at_once_while_tigerbeetle_is_away(
    house: House, autojump_clock: Clock
) -> None:
    house.institution.policy = Policy.FAIL_CLOSED
    await house.open()
    house.keeper.open("a test")
    await house.until_mode(Mode.QUEUE)
    began = trio.current_time()
    with pytest.raises(LedgerDegraded, match="TigerBeetle is away"):
        await house.ask(house.pay(house.alice, house.bob, 1))
    with pytest.raises(LedgerDegraded, match="TigerBeetle is away"):
        house.writer.foresee({house.alice: 1})
    assert trio.current_time() == began
    await house.return_()
    assert await house.ask(house.pay(house.alice, house.bob, 1)) == ["created"]


async def test_queue_only_lets_callers_wait_and_then_tells_them(
    house: House, autojump_clock: Clock
) -> None:
    house.institution.policy = Policy.QUEUE_ONLY
    await house.open()
    house.keeper.open("a test")
    await house.until_mode(Mode.QUEUE)
    impatient, began = house.pay(house.alice, house.bob, 1), trio.current_time()
    house.writer.foresee({house.alice: 1})  # whoever waits is let in
    with pytest.raises(Unavailable, match="nothing was written"):
        await house.ask(impatient)
    assert trio.current_time() - began == pytest.approx(6.0, abs=0.3)
    told = Told()
    house.writer.put([house.pay(house.alice, house.bob, 1)], told)
    await house.return_()
    await house.until(lambda: told.answers == [["created"]])
    assert not house.in_tigerbeetle(impatient)


async def test_limited_stand_in_debits_up_to_its_caps_even_after_a_crash(
    house: House, autojump_clock: Clock
) -> None:
    house.institution.policy = Policy.STANDIN_LIMITED
    house.limit(account_cap=50)
    await house.open()
    await house.leave()
    assert await house.ask(house.pay(house.alice, house.bob, 30)) == ["created"]
    assert await house.ask(house.pay(house.bob, house.alice, 40)) == ["exceeds_credits"]
    house.process.scope.cancel()
    house.start()
    house.keeper.open("a test")
    with pytest.raises(LedgerDegraded, match="cap is reached"):
        await house.ask(house.pay(house.alice, house.bob, 21))
    with pytest.raises(LedgerDegraded, match="cap is reached"):
        house.writer.foresee({house.alice: 21})
    house.writer.foresee({house.alice: 20})
    assert await house.ask(house.pay(house.settlement, house.alice, 10_000)) == ["created"]
    assert await house.ask(house.pay(house.alice, house.bob, 20)) == ["created"]
    await house.return_()
    house.writer.foresee({house.alice: 1_000_000})  # the ledger itself again: funds are its word


async def test_policy_of_a_new_process_replaces_the_mode_that_the_old_one_left(
    house: House, autojump_clock: Clock
) -> None:
    house.institution.policy = Policy.QUEUE_ONLY
    await house.open()
    house.keeper.open("a test")
    await house.until_mode(Mode.QUEUE)
    house.process.scope.cancel()
    house.institution.policy = Policy.STANDIN_FULL
    house.start()
    house.keeper.open("a test")
    assert await house.ask(house.pay(house.alice, house.bob, 30)) == ["created"]
    assert house.database.authority.mode is Mode.STANDIN


async def test_without_a_tigerbeetle_the_stand_in_answers_for_ever_and_without_caps(
    house: House, autojump_clock: Clock
) -> None:
    house.institution.policy = Policy.STANDIN_LIMITED
    house.limit(account_cap=1)
    await house.open(funds=0)
    house.process.scope.cancel()
    ports = house.writer
    keeper = BreakerKeeper(None, draw=lambda: 0.0)
    writer = Writer(
        "7",
        7,
        journal=ports.journal,
        mirror=ports.mirror,
        standin=ports.standin,
        accounts=ports.accounts,
        tigerbeetle=None,
        breaker=keeper,
        limits=house.institution.limits,
    )
    house.world.nursery.start_soon(writer.run)
    receipt = house.pay(house.settlement, house.alice, 100)
    assert await writer.create_transfers([receipt]) == ["created"]
    assert await writer.create_transfers([house.pay(house.alice, house.bob, 60)]) == ["created"]
    assert not house.in_tigerbeetle(receipt)
    assert keeper.state is BreakerState.UNCONFIGURED
    assert (await writer.balances([house.alice]))[house.alice].available == 40
    # Journaled, so that it can be replayed once there is one.
    assert len(house.database.to_replay(10, 0)) == 2


# Bounds


async def test_too_many_waiting_transfers_are_refused_at_once(
    house: House, autojump_clock: Clock
) -> None:
    writer = house.writer
    for _ in range(4):
        writer.put([house.pay(1, 2, 1) for _ in range(8)], Told())
    with pytest.raises(Unavailable, match="32 transfers wait already"):
        writer.put([house.pay(1, 2, 1)], Told())


async def test_nothing_is_nothing(house: House, autojump_clock: Clock) -> None:
    assert await house.writer.create_transfers([]) == []


async def test_what_is_put_before_the_writer_runs_is_written_when_it_does(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    house.process.scope.cancel()
    process = house._make()
    told = Told()
    process.writers[7].put([house.pay(house.settlement, house.alice, 5)], told)
    house.world.nursery.start_soon(process.run)
    await house.until(lambda: told.answers == [["created"]])


async def test_balances_come_from_the_mirror_while_tigerbeetle_is_away(
    house: House, autojump_clock: Clock
) -> None:
    await house.open()
    assert (await house.writer.balances([house.alice]))[house.alice].available == 100
    house.server.stop()
    assert (await house.writer.balances([house.alice]))[house.alice].available == 100
    assert house.keeper.state is BreakerState.SUSPECT


async def test_what_waits_while_the_authority_is_in_doubt_is_taken_when_the_doubt_is_over(
    house: House,
) -> None:
    await house.open()
    house.writer.governor.lost_authority()
    payment, began = house.pay(house.alice, house.bob, 1), trio.current_time()
    assert await house.ask(payment) == ["created"]
    assert trio.current_time() - began < 1.0, "not at the next request, nor when it expires"


async def test_first_batch_of_the_stand_in_is_a_small_one(
    house: House, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxiq.ledgers.writer.batches.STANDIN_FIRST_MAX", 2)
    await house.open()
    house.writer.batches.paused = True
    await house.leave()
    told = [Told() for _ in range(7)]
    for one in told:
        house.writer.put([house.pay(house.alice, house.bob, 1)], one)
    house.writer.batches.paused = False
    house.writer.changed.set()
    await house.until(lambda: all(one.answers for one in told))
    counts = [len(row.records) // 128 for row in house.database.to_replay(9, 0)]
    assert counts == [2, 5]

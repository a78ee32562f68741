"""Payouts under random failure: first safety at every step, then liveness once the faults stop.

Any call may be refused, lose its answer, or be the last one before a crash; messages of the post
room come twice, late and in any order; the provider's notices too, or not at all.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fluxiq.domain.payout import TERMINAL
from fluxiq.domain.postings import payout_hold_id
from fluxiq.domain.records import Notice, NoticeKind, PayoutStage, TransferFlags
from fluxiq.errors import FluxiqError
from fluxiq.services.settle_receipts import settle_receipts
from fluxiq.services.sweep import enquire_unanswered, resume_unheld
from tests.support.memory_world import ISPB, LINK, Crash, Fault, MemoryWorld

# Long enough for every sweep, and for an outbox row that was announced in vain.
ROUND_SECONDS = 301.0
ROUNDS_MAX = 6

# Which of the next calls fail, and how: no use case makes more than nine for one payout.
FAULTS = st.dictionaries(st.integers(0, 8), st.sampled_from(Fault), max_size=2)
AMOUNTS = st.sampled_from([1, 30_00, 60_00, 150_00])


class PayoutMachine(RuleBasedStateMachine):
    """One merchant, one provider, and the worst of weathers."""

    @initialize()
    def open(self) -> None:
        self.world = MemoryWorld()
        self.notices: list[Notice] = []
        self.lies: set[str] = set()  # orders of which the provider said both
        self.ended: dict[str, PayoutStage] = {}
        self.requests = 0
        self.late: list[Any] = []  # messages that were taken and will come again
        trio.run(self.world.open)
        self.funded = 100_00
        trio.run(self._fund, self.funded)

    # What people do.

    @rule(amount=AMOUNTS)
    def money_comes_in(self, amount: int) -> None:
        trio.run(self._fund, amount)
        self.funded += amount

    @rule(amount=AMOUNTS, faults=FAULTS)
    def a_payout_is_asked_for(self, amount: int, faults: dict[int, Fault]) -> None:
        self.requests += 1
        self._do(faults, self._pay, amount, self.requests)

    @precondition(lambda self: self.requests)
    @rule(amount=AMOUNTS, faults=FAULTS, data=st.data())
    def a_caller_comes_back(
        self, amount: int, faults: dict[int, Fault], data: st.DataObject
    ) -> None:
        number = data.draw(st.integers(min_value=1, max_value=self.requests))
        self._do(faults, self._pay, amount, number)

    # What the platform does.

    @rule(faults=FAULTS)
    def the_relay_publishes(self, faults: dict[int, Fault]) -> None:
        self._do(faults, self.world.publish)

    @rule(faults=FAULTS)
    def the_rooms_run(self, faults: dict[int, Fault]) -> None:
        self._do(faults, self.world.run_rooms)

    @precondition(lambda self: self.world.bus)
    @rule(faults=FAULTS, data=st.data())
    def a_worker_takes_a_batch(self, faults: dict[int, Fault], data: st.DataObject) -> None:
        waiting = data.draw(st.permutations(self.world.bus))
        count = data.draw(st.integers(min_value=1, max_value=len(waiting)))
        self.world.bus = waiting[count:]
        self.late += waiting[:count]
        self._do(faults, self.world.work, waiting[:count])

    @precondition(lambda self: self.late)
    @rule(faults=FAULTS, data=st.data())
    def a_batch_comes_again(self, faults: dict[int, Fault], data: st.DataObject) -> None:
        again = data.draw(st.lists(st.sampled_from(self.late), min_size=1, max_size=4))
        self._do(faults, lambda: self.world.work(again, redelivered=True))

    @rule(faults=FAULTS)
    def the_sweep_looks_for_intents(self, faults: dict[int, Fault]) -> None:
        self._do(faults, resume_unheld, self.world.tenant)

    @rule(faults=FAULTS)
    def the_sweep_asks_about_orders(self, faults: dict[int, Fault]) -> None:
        self._do(faults, enquire_unanswered, self.world.tenant)

    @rule(seconds=st.sampled_from([1.0, 6.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.pass_seconds(seconds)

    # What the provider does.

    @precondition(lambda self: self._open_orders())
    @rule(ending=st.sampled_from(["settle", "reject"]), data=st.data())
    def the_provider_decides(self, ending: str, data: st.DataObject) -> None:
        end_to_end_id = data.draw(st.sampled_from(self._open_orders()))
        self.notices.append(getattr(self.world.provider, ending)(end_to_end_id))

    @precondition(lambda self: self.notices)
    @rule(data=st.data())
    def the_provider_contradicts_itself(self, data: st.DataObject) -> None:
        said = data.draw(st.sampled_from(self.notices))
        other = {
            NoticeKind.CONFIRMED: NoticeKind.REJECTED,
            NoticeKind.REJECTED: NoticeKind.CONFIRMED,
        }
        self.lies.add(said.end_to_end_id)
        self.notices.append(self.world.provider.notice(other[said.kind], said.end_to_end_id))

    @precondition(lambda self: self.notices)
    @rule(faults=FAULTS, data=st.data())
    def notices_arrive(self, faults: dict[int, Fault], data: st.DataObject) -> None:
        """Some of those ever sent, in any order, some of them twice."""
        some = data.draw(st.lists(st.sampled_from(self.notices), min_size=1, max_size=4))
        self._do(faults, lambda: self.world.receive(*some))

    # What must always be true.

    @invariant()
    def an_end_is_for_ever(self) -> None:
        for payout in self._payouts():
            if payout.stage in TERMINAL:
                assert self.ended.setdefault(payout.id, payout.stage) is payout.stage
            else:
                assert payout.id not in self.ended

    @invariant()
    def the_end_on_record_is_the_end_of_the_hold(self) -> None:
        books = trio.run(self.world.store.prove_books)
        assert books.mismatches == ()
        assert books.debits_posted == books.credits_posted
        assert books.debits_pending == books.credits_pending

    @invariant()
    def no_centavo_is_made_or_lost(self) -> None:
        balance = trio.run(self.world.balance)
        posted = held = 0
        for transfer in self.world.ledger.cluster.transfers.values():
            ending = self.world.ledger.cluster.resolutions.get(transfer.id)
            if transfer.flags == TransferFlags.PENDING and ending is None:
                held += transfer.amount
            elif ending is not None and ending.flags == TransferFlags.POST_PENDING_TRANSFER:
                posted += transfer.amount
        assert balance.credits_posted == self.funded
        assert (balance.debits_posted, balance.debits_pending) == (posted, held)
        assert balance.available >= 0

    @invariant()
    def nothing_is_ordered_that_is_not_held_and_nothing_paid_is_given_back(self) -> None:
        by_id = {one.end_to_end_id: one for one in self._payouts()}
        for end_to_end_id, answer in self.world.provider.orders.items():
            payout = by_id[end_to_end_id]
            hold = payout_hold_id(ISPB, end_to_end_id)
            assert hold in self.world.ledger.cluster.transfers
            assert self.world.provider.amounts[end_to_end_id] == payout.amount
            ending = self.world.ledger.cluster.resolutions.get(hold)
            if ending is None:
                continue
            paid = ending.flags == TransferFlags.POST_PENDING_TRANSFER
            if answer.state == "settled":
                assert paid
            elif end_to_end_id not in self.lies:
                assert answer.state == "rejected"
                assert not paid

    @invariant()
    def a_key_makes_one_payout_and_a_payout_ends_in_one_event(self) -> None:
        assert len(self._payouts()) == len(self.world.store.answers) <= self.requests
        told = [
            event.data.id
            for event in self.world.store.events
            if event.type in {"pix.payout.confirmed", "pix.payout.failed"}
        ]
        assert sorted(told) == sorted(one.id for one in self._payouts() if one.stage in TERMINAL)

    def teardown(self) -> None:
        """The weather clears. No notice arrives any more: asking must be enough."""
        if not hasattr(self, "world"):
            return
        self.world.faults.plan.clear()
        self.world.bus.clear()  # the bus forgets everything too
        for number in range(ROUNDS_MAX):
            trio.run(self._a_round, number)
        self.an_end_is_for_ever()
        self.the_end_on_record_is_the_end_of_the_hold()
        self.no_centavo_is_made_or_lost()
        self.nothing_is_ordered_that_is_not_held_and_nothing_paid_is_given_back()
        self.a_key_makes_one_payout_and_a_payout_ends_in_one_event()
        assert all(one.stage in TERMINAL for one in self._payouts())
        assert self.world.store.outbox == {}
        assert trio.run(self.world.balance).debits_pending == 0

    async def _a_round(self, number: int) -> None:
        self.world.clock.pass_seconds(ROUND_SECONDS)
        await resume_unheld(self.world.tenant)
        await self.world.run_rooms()
        for order in self._open_orders():
            ending = "settle" if number % 2 else "reject"
            getattr(self.world.provider, ending)(order)
        await enquire_unanswered(self.world.tenant)

    async def _fund(self, amount: int) -> None:
        notice = self.world.received(amount)
        await self.world.receive(notice)
        await settle_receipts(self.world.tenant, [self.world.store.inbox[LINK, notice.event_id]])

    async def _pay(self, amount: int, number: int) -> None:
        await self.world.pay(amount, under=f"request {number}")

    def _do(
        self,
        faults: dict[int, Fault],
        act: Callable[..., Awaitable[Any]],
        *args: Any,
    ) -> None:
        """One process does it under these faults, and ends as they will."""
        self.world.faults.plan = [faults.get(number) for number in range(9)]
        try:
            trio.run(act, *args)
        except (FluxiqError, Crash):
            pass
        except ExceptionGroup as group:
            _, strange = group.split((FluxiqError, Crash))
            if strange is not None:
                raise strange from None
        finally:
            self.world.faults.plan.clear()

    def _payouts(self) -> list[Any]:
        return list(self.world.store.payouts_by_id.values())

    def _open_orders(self) -> list[str]:
        orders = self.world.provider.orders.items()
        return sorted(name for name, answer in orders if answer.state == "accepted")


class TestPayoutMachine(PayoutMachine.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(
        max_examples=80,
        stateful_step_count=40,
        deadline=None,
        # Shrinking a run takes minutes, beyond a test's limit: add Phase.shrink to read a failure.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )

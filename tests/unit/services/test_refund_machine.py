"""Refunds of one receipt under random failure: its limit holds at every step, and all of them end.

Any call may be refused, lose its answer, or be the last one before a crash.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fluxiq.domain.payout import TERMINAL
from fluxiq.domain.records import ChargeStatus, PayoutStage, Refund
from fluxiq.domain.refund_postings import limit_account_id
from fluxiq.errors import FluxiqError
from fluxiq.services.sweep import enquire_unanswered, resume_unheld
from tests.support.memory_world import ISPB, Crash, Fault, MemoryWorld
from tests.unit.services.refund_kit import paid_charge, refund

RECEIVED = 100_00
ROUND_SECONDS = 301.0  # long enough for every sweep, and for an order that was announced in vain
ROUNDS_MAX = 6

FAULTS = st.dictionaries(st.integers(0, 11), st.sampled_from(Fault), max_size=2)
AMOUNTS = st.sampled_from([1, 30_00, 60_00, 100_00, None])


class RefundMachine(RuleBasedStateMachine):
    """One charge that was paid, and a merchant who gives it back again and again."""

    @initialize()
    def open(self) -> None:
        self.world = MemoryWorld()
        self.requests: dict[int, int | None] = {}
        trio.run(self.world.open)
        self.charge = trio.run(paid_charge, self.world, RECEIVED)
        trio.run(self.world.fund, RECEIVED)  # money is there: only the limit is in the way

    @rule(amount=AMOUNTS, faults=FAULTS)
    def a_refund_is_asked_for(self, amount: int | None, faults: dict[int, Fault]) -> None:
        number = len(self.requests)
        self.requests[number] = amount
        self._do(faults, self._ask, number)

    @precondition(lambda self: self.requests)
    @rule(faults=FAULTS, data=st.data())
    def a_caller_comes_back(self, faults: dict[int, Fault], data: st.DataObject) -> None:
        self._do(faults, self._ask, data.draw(st.sampled_from(sorted(self.requests))))

    @rule(faults=FAULTS)
    def the_rooms_run(self, faults: dict[int, Fault]) -> None:
        self._do(faults, self.world.run_rooms)

    @rule(faults=FAULTS)
    def the_sweeps_look(self, faults: dict[int, Fault]) -> None:
        self._do(faults, resume_unheld, self.world.tenant)
        self._do({}, enquire_unanswered, self.world.tenant)

    @rule(seconds=st.sampled_from([1.0, 6.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.pass_seconds(seconds)

    @precondition(lambda self: self._open_orders())
    @rule(ending=st.sampled_from(["settle", "reject"]), faults=FAULTS, data=st.data())
    def the_provider_decides_and_says_so_twice(
        self, ending: str, faults: dict[int, Fault], data: st.DataObject
    ) -> None:
        return_id = data.draw(st.sampled_from(self._open_orders()))
        notice = getattr(self.world.provider, ending)(return_id)
        self._do(faults, lambda: self.world.receive(notice, notice))

    @invariant()
    def never_more_than_was_received_is_under_way_or_back(self) -> None:
        limit = self._limit()
        if limit is not None:
            assert limit.credits_posted in {0, RECEIVED}
            assert limit.debits_posted + limit.debits_pending <= limit.credits_posted
        answers = self.world.provider.orders.items()
        paid = {name for name, answer in answers if answer.state == "settled"}
        assert sum(one.amount for one in self._refunds() if one.return_id in paid) <= RECEIVED

    @invariant()
    def money_and_limit_move_together(self) -> None:
        limit, balance = self._limit(), trio.run(self.world.balance)
        if limit is None:
            assert balance.debits_posted == balance.debits_pending == 0
        else:
            assert limit.debits_posted == balance.debits_posted
            assert limit.debits_pending == balance.debits_pending

    @invariant()
    def the_charge_says_what_was_given_back(self) -> None:
        charge = self.world.store.charges[self.charge.id]
        back = [one.amount for one in self._refunds() if one.stage is PayoutStage.CONFIRMED]
        assert charge.refunded_amount == sum(back)
        assert (charge.status is ChargeStatus.REFUNDED) == (sum(back) == RECEIVED)

    @invariant()
    def a_key_makes_one_refund_and_a_refund_ends_in_one_event(self) -> None:
        assert len(self._refunds()) <= len(self.requests)
        told = [
            event.data.id
            for event in self.world.store.events
            if event.type in {"pix.refund.completed", "pix.refund.failed"}
        ]
        assert sorted(told) == sorted(one.id for one in self._refunds() if one.stage in TERMINAL)

    def teardown(self) -> None:
        """The weather clears. No notice arrives any more: asking must be enough."""
        if not hasattr(self, "charge"):
            return
        self.world.bus.clear()  # the bus forgets everything too
        for number in range(ROUNDS_MAX):
            trio.run(self._a_round, number)
        self.never_more_than_was_received_is_under_way_or_back()
        self.money_and_limit_move_together()
        self.the_charge_says_what_was_given_back()
        self.a_key_makes_one_refund_and_a_refund_ends_in_one_event()
        assert all(one.stage in TERMINAL for one in self._refunds())
        assert self.world.store.outbox == {}
        assert trio.run(self.world.balance).debits_pending == 0

    async def _a_round(self, number: int) -> None:
        self.world.clock.pass_seconds(ROUND_SECONDS)
        await resume_unheld(self.world.tenant)
        await self.world.run_rooms()
        for order in self._open_orders():
            getattr(self.world.provider, "settle" if number % 2 else "reject")(order)
        await enquire_unanswered(self.world.tenant)

    async def _ask(self, number: int) -> None:
        said = {"charge_id": self.charge.id, "amount": self.requests[number]}
        await refund(self.world, under=f"refund {number}", **said)

    def _do(self, faults: dict[int, Fault], act: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """One process does it under these faults, and ends as they will."""
        self.world.faults.plan = [faults.get(number) for number in range(12)]
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

    def _limit(self) -> Any:
        limit_id = limit_account_id(ISPB, self.charge.end_to_end_id or "")
        return trio.run(self.world.ledger.balances, [limit_id]).get(limit_id)

    def _refunds(self) -> list[Refund]:
        return list(self.world.refunds.by_id.values())

    def _open_orders(self) -> list[str]:
        orders = self.world.provider.orders.items()
        return sorted(name for name, answer in orders if answer.state == "accepted")


class TestRefundMachine(RefundMachine.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(
        max_examples=50,
        stateful_step_count=30,
        deadline=None,
        # Shrinking a run takes minutes, beyond a test's limit: add Phase.shrink to read a failure.
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )

"""The one writer of a ledger, in a real tree: batches, backpressure, and what failures mean."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import ledger_writer
from actors.ledger_writer import CALL_SECONDS_MAX, LedgerByMail, LedgerWriter
from fluxiq.domain import postings
from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.model import ModelLedger
from supervisors import Mailbox, Overflow, Strategy, SupervisorSpec, Tree, open_tree

ISPB, LEDGER = "12345678", 1
CUSTOMER = postings.customer_ledger_id(ISPB, "acc_1")
CREATED, EXISTS = TransferStatus.CREATED, TransferStatus.EXISTS


def money(number: int, amount: int = 1_00) -> Transfer:
    return postings.pix_in(ISPB, LEDGER, f"E{number}", CUSTOMER, amount)


class SlowLedger:
    """A ledger behind a gate that can be shut, and that can fail."""

    def __init__(self) -> None:
        self.model = ModelLedger(LEDGER)
        self.batches: list[int] = []
        self.failure: Exception | None = None
        self._gate = trio.Event()
        self.open()

    def shut(self) -> None:
        self._gate = trio.Event()

    def open(self) -> None:
        self._gate.set()

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await self.model.create_accounts(accounts)

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        self.batches.append(len(transfers))
        await self._gate.wait()
        if self.failure is not None:
            raise self.failure
        return await self.model.create_transfers(transfers)

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self.model.balances(account_ids)


class NarrowWriter(LedgerWriter):
    mailbox = Mailbox(capacity=2, overflow=Overflow.REJECT)


class House:
    """A tree with a writer, its callers, and what they were told, by number."""

    def __init__(self, tree: Tree, backend: SlowLedger, nursery: trio.Nursery) -> None:
        self.tree, self.backend, self._nursery = tree, backend, nursery
        self.ledger = LedgerByMail(tree.ref("ledger_writer"), lambda: backend)
        self.told: dict[int, list[TransferStatus] | Exception] = {}

    def ask(self, *numbers: int) -> None:
        for number in numbers:
            self._nursery.start_soon(self._ask, number)

    async def _ask(self, number: int) -> None:
        try:
            self.told[number] = await self.ledger.create_transfers([money(number)])
        except (Unavailable, Unknown) as error:
            self.told[number] = error

    def incarnation(self) -> int:
        node = self.tree.snapshot().find("root/ledger_writer")
        assert node is not None
        return node.incarnation


@asynccontextmanager
async def open_house(writer: type[LedgerWriter] = LedgerWriter) -> AsyncIterator[House]:
    backend = SlowLedger()
    await backend.create_accounts(
        [*postings.house_accounts(ISPB, LEDGER), postings.customer_account(CUSTOMER, LEDGER)]
    )
    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[writer.spec(lambda: backend, id="ledger_writer")],
    )
    async with open_tree(spec) as tree, trio.open_nursery() as nursery:
        yield House(tree, backend, nursery)
        nursery.cancel_scope.cancel()


async def test_what_arrives_while_a_batch_is_in_flight_is_the_next_batch() -> None:
    async with open_house() as house:
        house.backend.shut()
        house.ask(0)
        await wait_all_tasks_blocked()
        house.ask(*range(1, 21))
        await wait_all_tasks_blocked()
        house.backend.open()
        await wait_all_tasks_blocked()

        assert house.backend.batches == [1, 20]
        assert house.told == {number: [CREATED] for number in range(21)}


async def test_a_caller_gets_the_statuses_of_its_own_transfers_in_its_own_order() -> None:
    async with open_house() as house:
        await house.ledger.create_transfers([money(2)])
        house.backend.shut()
        house.ask(1)
        await wait_all_tasks_blocked()

        async with trio.open_nursery() as nursery:
            answers: dict[str, list[TransferStatus]] = {}

            async def call(name: str, *numbers: int) -> None:
                transfers = [money(number) for number in numbers]
                answers[name] = await house.ledger.create_transfers(transfers)

            nursery.start_soon(call, "a", 2, 3, 2)
            nursery.start_soon(call, "b", 4)
            await wait_all_tasks_blocked()
            house.backend.open()

        assert answers == {"a": [EXISTS, CREATED, EXISTS], "b": [CREATED]}


async def test_mail_is_cut_to_what_one_request_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_writer, "TRANSFERS_MAX", 3)
    async with open_house() as house:
        house.backend.shut()
        house.ask(0)
        await wait_all_tasks_blocked()
        house.ask(*range(1, 8))
        await wait_all_tasks_blocked()
        house.backend.open()
        await wait_all_tasks_blocked()

        assert house.backend.batches == [1, 3, 3, 1]
        assert set(house.told) == set(range(8))


async def test_a_writer_that_is_far_behind_says_so_and_takes_nothing_more() -> None:
    async with open_house(NarrowWriter) as house:
        house.backend.shut()
        house.ask(0)
        await wait_all_tasks_blocked()
        house.ask(1, 2, 3)
        await wait_all_tasks_blocked()

        [refused] = house.told.values()
        assert isinstance(refused, Unavailable)
        house.backend.open()
        await wait_all_tasks_blocked()
        assert sum(house.backend.batches) == 3
        assert len(house.told) == 4


@pytest.mark.parametrize(
    "failure",
    [Unavailable("postgres", "is restarting"), Unknown("postgres", "a batch", "lost")],
    ids=["unavailable", "unknown"],
)
async def test_the_weather_is_told_to_every_caller_and_the_writer_lives_on(
    failure: Exception,
) -> None:
    async with open_house() as house:
        house.backend.failure = failure
        house.ask(1, 2, 3)
        await wait_all_tasks_blocked()

        assert [type(told) for told in house.told.values()] == [type(failure)] * 3
        house.backend.failure = None
        assert await house.ledger.create_transfers([money(4)]) == [CREATED]
        assert house.incarnation() == 1


async def test_a_writer_that_crashes_leaves_its_callers_without_knowing_and_comes_back() -> None:
    async with open_house() as house:
        house.backend.failure = AssertionError("the books are broken")
        house.ask(1, 2)
        await trio.sleep(1)

        assert {type(told) for told in house.told.values()} == {Unknown}
        house.backend.failure = None
        assert await house.ledger.create_transfers([money(1)]) == [CREATED]
        assert house.incarnation() == 2


async def test_a_ledger_that_does_not_answer_in_time_leaves_the_outcome_unknown() -> None:
    async with open_house() as house:
        house.backend.shut()
        began = trio.current_time()

        with pytest.raises(Unknown) as caught:
            await house.ledger.create_transfers([money(1)])

        assert trio.current_time() - began == CALL_SECONDS_MAX
        assert caught.value.system == "ledger"
        assert f"{money(1).id:x}" in caught.value.reference


async def test_mail_that_expired_in_the_queue_is_not_applied_behind_its_callers_back() -> None:
    async with open_house() as house:
        house.backend.shut()
        house.ask(1)
        await wait_all_tasks_blocked()
        house.ask(2)
        await trio.sleep(CALL_SECONDS_MAX + 1)
        house.backend.open()
        await wait_all_tasks_blocked()

        assert {type(told) for told in house.told.values()} == {Unknown}
        assert house.backend.batches == [1]
        assert await house.ledger.create_transfers([money(1), money(2)]) == [EXISTS, CREATED]


async def test_a_malformed_transfer_costs_its_own_caller_only() -> None:
    async with open_house() as house:
        with pytest.raises(ValueError, match="out of range"):
            await house.ledger.create_transfers([money(1, 2**70)])

        assert house.backend.batches == []
        assert house.incarnation() == 1


async def test_nothing_to_apply_is_no_mail() -> None:
    async with open_house() as house:
        assert await house.ledger.create_transfers([]) == []
        assert house.backend.batches == []


async def test_balances_do_not_wait_for_the_writer() -> None:
    async with open_house() as house:
        await house.ledger.create_transfers([money(1)])
        house.backend.shut()
        house.ask(2)
        await wait_all_tasks_blocked()

        assert (await house.ledger.balances([CUSTOMER]))[CUSTOMER].available == 1_00


async def test_without_a_writer_nothing_was_done() -> None:
    async with open_house() as house:
        nobody = LedgerByMail(house.tree.ref("elsewhere"), lambda: house.backend)

        with pytest.raises(Unavailable):
            await nobody.create_transfers([money(1)])

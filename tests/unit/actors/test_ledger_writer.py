"""The one writer of a ledger, in a real tree: mail, restarts, other processes, failures."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from actors.ledger_board import Board, Member
from actors.ledger_writer import LANE, LedgerByMail, LedgerWriter, WriterRoom
from actors.slot import Slot
from fluxiq.domain import postings
from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ledgers.parts import Authority, Fenced, Mode, Row
from fluxiq.ledgers.writer import Writer, WriterLimits
from fluxiq.settings import LEDGER_CALL_SECONDS_MAX
from fluxiq.telemetry.metrics import Metrics
from supervisors import EventKind, Node, Strategy, SupervisorSpec, Tree, open_tree

ISPB, LEDGER = "12345678", 1
CUSTOMER = postings.customer_ledger_id(ISPB, "acc_1")
CREATED, EXISTS = TransferStatus.CREATED, TransferStatus.EXISTS
ACCOUNTS = [*postings.house_accounts(ISPB, LEDGER), postings.customer_account(CUSTOMER, LEDGER)]


def money(number: int, amount: int = 1_00, ledger: int = LEDGER) -> Transfer:
    return postings.pix_in(ISPB, ledger, f"E{number}", CUSTOMER, amount)


class Paper:
    """Journal, mirror, stand-in and accounts of an institution without TigerBeetle, behind a gate
    that can be shut, and that can fail.
    """

    def __init__(self) -> None:
        self.model = ModelLedger(LEDGER)
        self.now = Authority(1, Mode.STANDIN)
        self.batches: list[list[Transfer]] = []
        self.failure: Exception | None = None
        self._gate = trio.Event()
        self.open()

    def shut(self) -> None:
        self._gate = trio.Event()

    def open(self) -> None:
        self._gate.set()

    # Journal

    async def authority(self) -> Authority:
        return self.now

    async def take_over(self, reason: str) -> Authority:
        self.now = Authority(self.now.epoch + 1, self.now.mode)
        return self.now

    async def change(self, before: Authority, mode: Mode, reason: str) -> Authority:
        raise AssertionError("without TigerBeetle the authority stays")

    async def seal(self, epoch: int, records: bytes) -> int:
        raise AssertionError("without TigerBeetle nothing is sealed for it")

    async def answer(self, answers: Sequence[tuple[int, bytes]]) -> None:
        raise AssertionError("without TigerBeetle nothing is answered later")

    async def unanswered(self) -> list[Row]:
        return []

    async def to_replay(self, limit: int, *, after: int = 0) -> list[Row]:
        return []

    async def replayed(self, seqs: Sequence[int]) -> None:
        raise AssertionError("there is nowhere to replay to")

    # Mirror

    async def catch_up(self, rows: int) -> int:
        return 0

    async def behind(self) -> int:
        return 0

    # Stand-in

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row]
    ) -> list[TransferStatus | None]:
        self.batches.append(list(transfers))
        await self._gate.wait()
        if self.failure is not None:
            raise self.failure
        if epoch != self.now.epoch:
            raise Fenced
        return [*await self.model.create_transfers(transfers)]

    # Accounts

    async def create(self, accounts: Sequence[LedgerAccount]) -> None:
        await self.model.create_accounts(accounts)

    async def not_in_tigerbeetle(self, limit: int) -> list[LedgerAccount]:
        return []

    async def in_tigerbeetle(self, account_ids: Sequence[int]) -> None:
        raise AssertionError("there is none")

    async def page(self, after: int, limit: int) -> list[int]:
        return []

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self.model.balances(account_ids)


class House:
    """A tree with a writer, its callers, and what they were told, by number."""

    def __init__(self, tree: Tree, paper: Paper, room: WriterRoom, nursery: trio.Nursery) -> None:
        self.tree, self.paper, self.room, self._nursery = tree, paper, room, nursery
        self.ledger = LedgerByMail(tree.ref("ledger_writer"), room.slot)
        self.told: dict[int, list[TransferStatus] | Exception] = {}

    def ask(self, *numbers: int) -> None:
        for number in numbers:
            self._nursery.start_soon(self._ask, number)

    async def _ask(self, number: int) -> None:
        try:
            self.told[number] = await self.ledger.create_transfers([money(number)])
        except (Unavailable, Unknown) as error:
            self.told[number] = error

    @property
    def incarnation(self) -> int:
        return self._node.incarnation

    @property
    def facts(self) -> dict[str, object]:
        return dict(self._node.facts)

    @property
    def _node(self) -> Node:
        node = self.tree.snapshot().find("root/ledger_writer")
        assert node is not None
        return node

    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.paper.batches]

    def measure(self, name: str, **labels: str) -> float | None:
        return self.room.metrics.registry.get_sample_value(name, {"institution": ISPB, **labels})


@asynccontextmanager
async def open_house(
    *,
    limits: WriterLimits | None = None,
    outages: Callable[[], int] = lambda: 0,
) -> AsyncIterator[House]:
    paper, metrics = Paper(), Metrics(process=False)
    await paper.create(ACCOUNTS)

    def make(member: Member) -> Writer:
        return Writer(
            ISPB,
            LEDGER,
            journal=paper,
            mirror=paper,
            standin=paper,
            accounts=paper,
            tigerbeetle=None,
            breaker=member,
            limits=limits,
        )

    board = Board(metrics, configured=False)
    room = WriterRoom(
        institution=ISPB,
        board=board,
        metrics=metrics,
        slot=Slot("ledger"),
        make=make,
        outages=outages,
    )
    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[LedgerWriter.spec(room, id="ledger_writer", shutdown=10.0)],
    )
    async with open_tree(spec) as tree, trio.open_nursery() as nursery:
        yield House(tree, paper, room, nursery)
        nursery.cancel_scope.cancel()


async def test_a_ledger_is_there_as_soon_as_its_writer_is_ready() -> None:
    async with open_house() as house:
        assert (await house.ledger.balances([CUSTOMER]))[CUSTOMER].available == 0
        assert await house.ledger.create_transfers([money(1)]) == [CREATED]


async def test_what_arrives_while_a_batch_is_in_flight_is_the_next_batch() -> None:
    async with open_house() as house:
        house.paper.shut()
        house.ask(0)
        await wait_all_tasks_blocked()
        house.ask(*range(1, 21))
        await wait_all_tasks_blocked()
        house.paper.open()
        await wait_all_tasks_blocked()

        assert house.sizes() == [1, 20]
        assert house.told == {number: [CREATED] for number in range(21)}


async def test_a_caller_gets_the_statuses_of_its_own_transfers_in_its_own_order() -> None:
    async with open_house() as house:
        await house.ledger.create_transfers([money(2)])
        house.paper.shut()
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
            house.paper.open()

        assert answers == {"a": [EXISTS, CREATED, EXISTS], "b": [CREATED]}


async def test_a_task_with_a_lane_of_its_own_leaves_room_for_the_others() -> None:
    async with open_house(limits=WriterLimits(batch_max=2)) as house:
        house.paper.shut()
        house.ask(0)
        await wait_all_tasks_blocked()

        async def crowd() -> None:
            LANE.set("crowd")
            async with trio.open_nursery() as nursery:
                for number in range(1, 7):
                    nursery.start_soon(house._ask, number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(crowd)
            await wait_all_tasks_blocked()
            house.ask(7)
            await wait_all_tasks_blocked()
            house.paper.open()

        ids = [{one.id for one in batch} for batch in house.paper.batches]
        assert money(7).id in ids[1]


async def test_a_ledger_that_is_far_behind_says_so_and_takes_nothing_more() -> None:
    async with open_house(limits=WriterLimits(waiting_max=2)) as house:
        house.paper.shut()
        house.ask(0)
        await wait_all_tasks_blocked()
        house.ask(1, 2, 3)
        await wait_all_tasks_blocked()

        [refused] = house.told.values()
        assert isinstance(refused, Unavailable)
        house.paper.open()
        await wait_all_tasks_blocked()
        assert sum(house.sizes()) == 3
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
        house.paper.failure = failure
        house.ask(1, 2, 3)
        await trio.sleep(1)

        assert [type(told) for told in house.told.values()] == [type(failure)] * 3
        house.paper.failure = None
        assert await house.ledger.create_transfers([money(4)]) == [CREATED]
        assert house.incarnation == 1


async def test_a_writer_that_crashes_leaves_its_callers_without_knowing_and_takes_over() -> None:
    async with open_house() as house:
        await house.ledger.create_transfers([money(0)])
        epoch = house.paper.now.epoch
        house.paper.failure = AssertionError("the books are broken")
        house.ask(1, 2)
        await trio.sleep(1)

        assert {type(told) for told in house.told.values()} == {Unknown}
        house.paper.failure = None
        assert await house.ledger.create_transfers([money(1)]) == [CREATED]
        assert house.incarnation == 2
        assert house.paper.now.epoch > epoch


async def test_a_ledger_that_does_not_answer_in_time_leaves_the_outcome_unknown() -> None:
    async with open_house() as house:
        house.paper.shut()
        began = trio.current_time()

        with pytest.raises(Unknown) as caught:
            await house.ledger.create_transfers([money(1)])

        assert trio.current_time() - began == LEDGER_CALL_SECONDS_MAX
        assert caught.value.system == "ledger"
        assert f"{money(1).id:x}" in caught.value.reference


async def test_who_waited_for_a_batch_in_vain_is_told_that_nothing_was_written() -> None:
    async with open_house() as house:
        house.paper.shut()
        house.ask(1)
        await wait_all_tasks_blocked()
        house.ask(2)
        await trio.sleep(LEDGER_CALL_SECONDS_MAX + 1)
        house.paper.open()
        await wait_all_tasks_blocked()

        assert [type(house.told[one]) for one in (1, 2)] == [Unknown, Unavailable]
        assert house.sizes() == [1]
        assert await house.ledger.create_transfers([money(1), money(2)]) == [EXISTS, CREATED]


@pytest.mark.parametrize(
    ("transfer", "said"),
    [(money(1, 2**70), "out of range"), (money(1, ledger=2), "is of ledger 2, this is 1")],
    ids=["too wide", "of another institution"],
)
async def test_a_malformed_transfer_costs_its_own_caller_only(
    transfer: Transfer, said: str
) -> None:
    async with open_house() as house:
        with pytest.raises(ValueError, match=said):
            await house.ledger.create_transfers([transfer])

        assert house.paper.batches == []
        assert house.incarnation == 1


async def test_nothing_to_apply_is_no_mail() -> None:
    async with open_house() as house:
        assert await house.ledger.create_transfers([]) == []
        assert house.paper.batches == []


async def test_balances_do_not_wait_for_the_writer() -> None:
    async with open_house() as house:
        await house.ledger.create_transfers([money(1)])
        house.paper.shut()
        house.ask(2)
        await wait_all_tasks_blocked()

        assert (await house.ledger.balances([CUSTOMER]))[CUSTOMER].available == 1_00


async def test_without_a_writer_nothing_was_done() -> None:
    async with open_house() as house:
        nobody = LedgerByMail(house.tree.ref("elsewhere"), Slot("ledger"))

        with pytest.raises(Unavailable):
            await nobody.create_transfers([money(1)])
        with pytest.raises(Unavailable):
            await nobody.balances([CUSTOMER])
        with pytest.raises(Unavailable, match="is starting"):
            nobody.foresee({CUSTOMER: 1})
        house.ledger.foresee({CUSTOMER: 1})


# Another process.


async def test_a_writer_that_was_fenced_says_so_refuses_and_does_not_fight() -> None:
    with structlog.testing.capture_logs() as logs:
        async with open_house() as house:
            await house.ledger.create_transfers([money(1)])
            await house.paper.take_over("another process")
            taken = house.paper.now

            house.ask(2)  # by which it finds out
            await trio.sleep(1)
            assert isinstance(house.told[2], Unavailable | Unknown)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await house.ledger.create_transfers([money(2)])
                with pytest.raises(Unavailable, match="this writer has ended"):
                    house.ledger.foresee({CUSTOMER: 1})
                await trio.sleep(100)

            assert house.paper.now == taken
            assert house.incarnation == 1
            assert house.facts["mode"] == "fenced"
            kinds = [event.kind for event in house.tree.flight("root/ledger_writer")]
            assert kinds.count(EventKind.FENCED) == 1
            assert house.measure("ledger_active_backend", backend="postgres") == 0
    assert [one["institution"] for one in logs if one["event"] == "ledger_writer_fenced"] == [ISPB]


async def test_an_operator_who_restarts_a_fenced_writer_takes_over_from_the_other_process() -> None:
    async with open_house() as house:
        await house.paper.take_over("another process")
        house.ask(1)
        await trio.sleep(1)
        assert house.facts["mode"] == "fenced"

        await house.tree.restart_child("root/ledger_writer", reason="it is ours")

        assert await house.ledger.create_transfers([money(2)]) == [CREATED]
        assert house.facts["mode"] == "standin"


# What it shows.


async def test_its_node_and_its_series_say_who_answers() -> None:
    broken = [0]
    async with open_house(outages=lambda: broken[0]) as house:
        await house.ledger.create_transfers([money(1)])
        await trio.sleep(2.5)
        assert house.facts == {"mode": "standin", "epoch": house.paper.now.epoch}
        assert house.measure("ledger_active_backend", backend="postgres") == 1
        assert house.measure("ledger_active_backend", backend="tigerbeetle") == 0
        assert house.measure("ledger_fallback_total") == 0
        assert house.measure("ledger_backend_health", backend="postgres") == 1
        assert house.measure("ledger_backend_health", backend="tigerbeetle") is None

        broken[0] += 1
        await trio.sleep(1)
        assert house.measure("ledger_backend_health", backend="postgres") == 0
        await trio.sleep(1)
        assert house.measure("ledger_backend_health", backend="postgres") == 1


async def test_an_operator_sees_where_it_stands() -> None:
    async with open_house() as house:
        house.paper.shut()
        house.ask(1)
        await wait_all_tasks_blocked()
        house.ask(2)
        await wait_all_tasks_blocked()
        state = await house.tree.get_state("root/ledger_writer")
        assert (state["mode"], state["waiting"]) == ("standin", 1)
        house.paper.open()

"""How institutions come and go: whole or not at all, twice is once, and never with money left."""

import pytest
import trio

from fluxiq.domain.institution import InstitutionState, Registered, Remainder
from fluxiq.errors import Refused, StartRefused, Unavailable
from fluxiq.ports.institutions import Place
from fluxiq.services.add_institution import add_institution
from fluxiq.services.remove_institution import remove_institution
from fluxiq.services.suspend_institution import resume_institution, suspend_institution
from fluxiq.services.unfinished_institutions import finish_institutions
from fluxiq.settings import Institution
from tests.support.memory_institutions import (
    NOTHING,
    MemoryInstitutions,
    MemoryPlace,
    declared,
)

NAMES = ("postgres", "redis", "nats", "branch")
ONE = declared()
MONEY = Remainder(balances=2, in_flight={"payouts": 0})
UNDER_WAY = Remainder(balances=0, in_flight={"payouts": 1})


class House:
    def __init__(self) -> None:
        self.records = MemoryInstitutions()
        self.log: list[str] = []
        self.places = [MemoryPlace(name, self.log) for name in NAMES]

    @property
    def ports(self) -> list[Place]:
        return list(self.places)

    @property
    def state(self) -> InstitutionState | None:
        line = self.records.lines.get(ONE.ispb)
        return None if line is None else line.state

    def has(self) -> list[str]:
        return [place.name for place in self.places if ONE.ispb in place.has]

    async def add(self, one: Institution = ONE) -> Registered:
        return (await add_institution(self.records, self.ports, one, "wanted")).line

    async def remove(self, archive: str = "") -> Registered:
        removed = await remove_institution(self.records, self.ports, ONE, "leaves", archive=archive)
        return removed.line

    async def finish(self) -> None:
        await finish_institutions(self.records, self.ports, lambda _: ONE)


@pytest.fixture
def house() -> House:
    return House()


class TestAdding:
    async def test_makes_every_place_in_order_and_is_active(self, house: House) -> None:
        added = await add_institution(house.records, house.ports, ONE, "wanted")

        assert added.is_new
        assert added.notes == tuple(f"{name} made" for name in NAMES)
        assert (house.state, house.has()) == (InstitutionState.ACTIVE, list(NAMES))
        assert house.log == [f"+{name}" for name in NAMES]

    async def test_twice_is_once(self, house: House) -> None:
        first = await house.add()
        again = await add_institution(house.records, house.ports, ONE, "wanted again")

        assert (again.is_new, again.line) == (False, first)
        assert house.log == [f"+{name}" for name in NAMES]

    @pytest.mark.parametrize("failing", range(4))
    @pytest.mark.parametrize(
        "error", [StartRefused("no room"), Unavailable("nats", "away"), KeyError("a bug")]
    )
    async def test_what_fails_is_undone_in_reverse_order_and_forgotten(
        self, house: House, failing: int, error: Exception
    ) -> None:
        house.places[failing].fails = [error]

        with pytest.raises(Refused) as refused:
            await house.add()

        begun = NAMES[: failing + 1]
        assert refused.value.code == "institution_not_added"
        assert NAMES[failing] in refused.value.message
        assert house.log == [f"+{n}" for n in begun] + [f"x{n}" for n in reversed(begun)]
        assert (house.state, house.has()) == (None, [])

        assert (await house.add()).state is InstitutionState.ACTIVE

    async def test_a_number_under_which_something_was_written_is_burnt(self, house: House) -> None:
        house.places[3].fails = [Unavailable("branch", "not ready")]
        house.records.written.add(ONE.ispb)

        with pytest.raises(Refused, match="not added"):
            await house.add()

        assert house.state is InstitutionState.REMOVED
        with pytest.raises(Refused) as refused:
            await house.add(declared("99999999", ONE.ledger))
        assert refused.value.code == "institution_invalid"
        assert (await house.add()).state is InstitutionState.ACTIVE

    @pytest.mark.parametrize("sticking", range(3))
    async def test_what_cannot_be_undone_stays_on_paper_and_the_next_run_finishes_it(
        self, house: House, sticking: int
    ) -> None:
        house.places[3].fails = [StartRefused("no room")]
        house.places[sticking].sticks = [Unavailable("postgres", "away")]

        with pytest.raises(Unavailable, match=f"not undone: .*{NAMES[sticking]}"):
            await house.add()
        assert house.state is InstitutionState.ADDING

        await house.finish()
        assert (house.state, house.has()) == (InstitutionState.ACTIVE, list(NAMES))

    async def test_another_declaration_of_one_that_is_being_added_is_refused(
        self, house: House
    ) -> None:
        await house.records.claim(ONE, "begun")

        with pytest.raises(Refused) as refused:
            await house.add(declared(ONE.ispb, ONE.ledger, name="Somebody else"))

        assert refused.value.code == "institution_exists"
        assert house.log == []

    async def test_a_crash_anywhere_is_finished_by_the_next_start(self, house: House) -> None:
        """A cancellation is as a crash is: nothing is undone, and `adding` is on paper."""
        for crashed in range(4):
            world = House()
            reached = trio.Event()

            class Hanging(MemoryPlace):
                async def make(self, one: Institution) -> tuple[str, ...]:
                    self.has.add(one.ispb)
                    reached.set()  # noqa: B023  of this round
                    await trio.sleep_forever()
                    raise AssertionError

            before = world.places[crashed]
            world.places[crashed] = Hanging(before.name, world.log)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(world.add)
                await reached.wait()
                nursery.cancel_scope.cancel()
            assert world.state is InstitutionState.ADDING

            world.places[crashed] = before
            await world.finish()
            assert (world.state, world.has()) == (InstitutionState.ACTIVE, list(NAMES))


class TestSuspending:
    async def test_and_resuming_twice_is_once(self, house: House) -> None:
        await house.add()
        for _ in range(2):
            line = await suspend_institution(house.records, ONE.ispb, "why")
            assert line.state is InstitutionState.SUSPENDED
        for _ in range(2):
            line = await resume_institution(house.records, ONE.ispb, "why")
            assert line.state is InstitutionState.ACTIVE

        events = [event.value for _, event, _ in house.records.history]
        assert events == ["claimed", "opened", "suspended", "resumed"]

    async def test_takes_no_place_away(self, house: House) -> None:
        await house.add()
        await suspend_institution(house.records, ONE.ispb, "why")
        assert house.has() == list(NAMES)

    async def test_nobody_is_not_found(self, house: House) -> None:
        with pytest.raises(Refused) as refused:
            await suspend_institution(house.records, "00000000", "why")
        assert refused.value.code == "institution_not_found"


class TestRemoving:
    async def test_unmakes_the_last_first_and_erases_nothing(self, house: House) -> None:
        await house.add()
        await suspend_institution(house.records, ONE.ispb, "why")
        house.log.clear()

        assert (await house.remove()).state is InstitutionState.REMOVED
        assert house.log == [f"-{name}" for name in reversed(NAMES)]
        assert house.has() == []

        assert (await house.remove()).state is InstitutionState.REMOVED
        assert len(house.log) == len(NAMES)

    async def test_an_active_one_is_refused(self, house: House) -> None:
        await house.add()
        with pytest.raises(Refused) as refused:
            await house.remove()
        assert refused.value.code == "institution_state"
        assert house.has() == list(NAMES)

    @pytest.mark.parametrize(
        ("remainder", "archive", "leaves"),
        [
            (NOTHING, "", True),
            (MONEY, "", False),
            (MONEY, "the vault of BACEN, box 7", True),
            (UNDER_WAY, "", False),
            (UNDER_WAY, "the vault of BACEN, box 7", False),
        ],
    )
    async def test_money_keeps_it_unless_its_books_are_archived_and_what_moves_always(
        self, house: House, remainder: Remainder, archive: str, leaves: bool
    ) -> None:
        await house.add()
        await suspend_institution(house.records, ONE.ispb, "why")
        house.records.remainders = [remainder]

        if leaves:
            line = await house.remove(archive)
            assert (line.state, line.archive) == (InstitutionState.REMOVED, archive)
            return
        with pytest.raises(Refused) as refused:
            await house.remove(archive)
        assert refused.value.code == "institution_not_empty"
        assert (house.state, house.has()) == (InstitutionState.SUSPENDED, list(NAMES))

    async def test_money_that_comes_in_meanwhile_keeps_it_open(self, house: House) -> None:
        await house.add()
        await suspend_institution(house.records, ONE.ispb, "why")
        house.records.remainders = [NOTHING, MONEY]
        house.log.clear()

        with pytest.raises(Refused, match="2 accounts with a balance"):
            await house.remove()

        assert house.log == ["-branch", "+branch"]
        assert (house.state, house.has()) == (InstitutionState.SUSPENDED, list(NAMES))

    @pytest.mark.parametrize("sticking", range(4))
    async def test_one_that_was_interrupted_goes_on_at_the_next_start(
        self, house: House, sticking: int
    ) -> None:
        await house.add()
        await suspend_institution(house.records, ONE.ispb, "why")
        house.places[sticking].sticks = [Unavailable("postgres", "away")]
        with pytest.raises(Unavailable):
            await house.remove()
        assert house.state is InstitutionState.REMOVING

        await house.finish()
        assert (house.state, house.has()) == (InstitutionState.REMOVED, [])

    async def test_a_removed_one_may_come_back_with_its_own_number_only(self, house: House) -> None:
        await house.add()
        await suspend_institution(house.records, ONE.ispb, "why")
        await house.remove()

        with pytest.raises(Refused) as refused:
            await house.add(declared(ONE.ispb, 77))
        assert refused.value.code == "institution_invalid"
        assert (await house.add()).state is InstitutionState.ACTIVE

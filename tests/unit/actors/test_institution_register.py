"""Who lives in this process, by the files and by the register."""

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from actors.institution_register import InstitutionRegister
from actors.tenants import OpenTenants
from fluxiq import settings as config
from fluxiq.domain.institution import InstitutionState, Registered
from fluxiq.errors import Refused, StartRefused, Unavailable
from tests.support.memory_institutions import MemoryInstitutions, declared

AURORA, BOREAL = "12345678", "87654321"
ADDED = declared("11223344", 3)
S = InstitutionState


class World:
    def __init__(self) -> None:
        settings = config.load({})
        self.tenants = OpenTenants(one.ispb for one in settings.institutions)
        self.register = InstitutionRegister(settings, self.tenants)

    def is_declared(self, ispb: str) -> bool:
        try:
            self.tenants.get(ispb)
        except Unavailable:
            return True  # its branch will open it
        except Refused:
            return False
        raise AssertionError("nobody is open here")


async def line(state: InstitutionState, ispb: str = AURORA, *, by_file: bool = True) -> Registered:
    claimed = await MemoryInstitutions().claim(declared(ispb, 9), "")
    return replace(claimed, state=state, declaration=None if by_file else claimed.declaration)


def test_before_the_register_is_read_those_of_the_files_live() -> None:
    world = World()
    assert list(world.register.keys) == [AURORA, BOREAL]
    assert world.is_declared(AURORA)
    assert not world.is_declared(ADDED.ispb)


async def test_a_sequence_of_keys_shows_whoever_lives_when_it_is_read() -> None:
    world = World()
    keys = world.register.keys
    world.register.load([await line(S.ACTIVE, ADDED.ispb, by_file=False)])
    assert list(keys) == [AURORA, BOREAL, ADDED.ispb]
    assert (len(keys), keys[-1], list(keys[:1])) == (3, ADDED.ispb, [AURORA])
    world.register.forget(ADDED.ispb)
    assert ADDED.ispb not in keys


@pytest.mark.parametrize(
    ("state", "lives"),
    [
        (S.ADDING, False),
        (S.ACTIVE, True),
        (S.SUSPENDED, True),
        (S.REMOVING, False),
        (S.REMOVED, False),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
async def test_who_is_active_or_suspended_lives_and_nobody_else(
    state: InstitutionState, by_file: bool, lives: bool
) -> None:
    world, ispb = World(), AURORA if by_file else ADDED.ispb
    world.register.load([await line(state, ispb, by_file=by_file)])
    assert (world.register.find(ispb) is not None) is lives
    assert world.is_declared(ispb) is lives
    assert world.register.standing(ispb).suspended is (state is S.SUSPENDED)


async def test_a_removed_one_that_still_has_a_file_is_told_of() -> None:
    with capture_logs() as logs:
        World().register.load([await line(S.REMOVED)])
    assert [one["event"] for one in logs] == ["institution_removed_but_declared"]


async def test_one_whose_file_was_taken_away_does_not_start_and_the_others_do() -> None:
    world = World()
    gone = await line(S.ACTIVE, "99999999")
    with capture_logs() as logs:
        world.register.load([gone])
    assert [one["event"] for one in logs] == ["institution_without_file"]
    assert not world.is_declared("99999999")
    with pytest.raises(StartRefused, match=r"its file institutions/99999999\.toml is gone"):
        world.register.read(gone)


async def test_a_standing_is_shared_and_its_change_is_news_once() -> None:
    world = World()
    standing = world.register.standing(AURORA)
    standing.check()

    assert world.register.note(await line(S.SUSPENDED))
    assert not world.register.note(await line(S.SUSPENDED))
    with pytest.raises(Refused) as refused:
        standing.check()
    assert refused.value.code == "institution_suspended"

    assert world.register.note(await line(S.ACTIVE))
    standing.check()

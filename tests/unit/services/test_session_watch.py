"""Whether a session lives: told through Redis, on paper in Postgres, known for a second."""

import pytest

from fluxiq.domain.session import EndReason, RefreshToken, Session
from fluxiq.errors import Unavailable
from fluxiq.ports.sessions import LogIn
from fluxiq.services.session_watch import LIVE_SECONDS, is_live, tell_ended
from fluxiq.services.tenant import RECENT_SECONDS
from tests.support.memory_users import add_person
from tests.support.memory_world import OPENED, MemoryWorld

ASKED_PAPER = "sessions.is_live"
ASKED_REDIS = "cache.get_many"


@pytest.fixture
async def session(world: MemoryWorld) -> Session:
    """Somebody's, who has logged in."""
    tenant = world.tenant
    user = await add_person(world.users, tenant.passwords, "52998224725", "x", OPENED)
    made = Session(
        id="ses_1",
        user_id=user.id,
        created_at=OPENED,
        last_used_at=OPENED,
        expires_at=OPENED.replace(year=2027),
        address="",
        client="",
    )
    token = RefreshToken(digest=b"d", session_id="", created_at=OPENED, expires_at=OPENED)
    await tenant.sessions.log_in(LogIn(user=user, session=made, token=token))
    world.faults.calls.clear()
    return made


async def end(world: MemoryWorld, session: Session, *, told: bool = True) -> None:
    await world.tenant.sessions.end_session(
        session.user_id, session.id, EndReason.LOGGED_OUT, world.clock.now()
    )
    if told:
        await tell_ended(world.tenant, [session.id])


async def test_paper_is_asked_once_and_redis_once_a_second(
    world: MemoryWorld, session: Session
) -> None:
    for _ in range(5):
        assert await is_live(world.tenant, session.id)
    world.clock.pass_seconds(RECENT_SECONDS)
    assert await is_live(world.tenant, session.id)
    assert world.faults.calls.count(ASKED_PAPER) == 1
    assert world.faults.calls.count(ASKED_REDIS) == 2
    assert world.cache.values[f"session:live:{session.id}"][1] == LIVE_SECONDS


async def test_an_end_that_is_told_counts_here_at_once(
    world: MemoryWorld, session: Session
) -> None:
    assert await is_live(world.tenant, session.id)
    await end(world, session)
    assert not await is_live(world.tenant, session.id)


async def test_elsewhere_it_counts_within_a_second(world: MemoryWorld, session: Session) -> None:
    """Another process: its memory is its own, Redis is everybody's."""
    assert await is_live(world.tenant, session.id)
    await end(world, session)
    world.tenant.recent_sessions._known[session.id] = (RECENT_SECONDS, True)
    assert await is_live(world.tenant, session.id)
    world.clock.pass_seconds(RECENT_SECONDS)
    assert not await is_live(world.tenant, session.id)


async def test_an_end_outweighs_who_saw_the_session_live_a_moment_too_early(
    world: MemoryWorld, session: Session
) -> None:
    await end(world, session)
    await world.tenant.cache.put(f"session:live:{session.id}", b"1", ttl_seconds=LIVE_SECONDS)
    assert not await is_live(world.tenant, session.id)


async def test_while_redis_is_away_paper_says(world: MemoryWorld, session: Session) -> None:
    world.faults.away.add("cache")
    assert await is_live(world.tenant, session.id)
    await end(world, session)
    world.clock.pass_seconds(RECENT_SECONDS)
    assert not await is_live(world.tenant, session.id)


async def test_an_end_that_redis_never_heard_of_counts_when_what_it_knows_is_old(
    world: MemoryWorld, session: Session
) -> None:
    assert await is_live(world.tenant, session.id)
    await end(world, session, told=False)
    world.clock.pass_seconds(LIVE_SECONDS)
    del world.cache.values[f"session:live:{session.id}"]  # as Redis does by then
    assert not await is_live(world.tenant, session.id)


async def test_while_both_are_away_nobody_is_let_in_nor_thrown_out(
    world: MemoryWorld, session: Session
) -> None:
    world.faults.away |= {"cache", "sessions"}
    with pytest.raises(Unavailable):
        await is_live(world.tenant, session.id)


async def test_a_session_that_never_was_is_not_remembered(world: MemoryWorld) -> None:
    for _ in range(2):
        assert not await is_live(world.tenant, "ses_none")
    assert world.faults.calls.count(ASKED_PAPER) == 2

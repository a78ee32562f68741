"""People and their sessions on paper. Each promise is asked of the Postgres adapters and of their
twins.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.roles import Role
from fluxiq.domain.session import SESSIONS_MAX, EndReason, RefreshToken, Session
from fluxiq.domain.user import (
    Locked,
    LockOut,
    PasswordChosen,
    PasswordReset,
    Removed,
    RoleGiven,
    TotpConfirmed,
    TotpOffered,
    User,
    UserChange,
    UserStatus,
)
from fluxiq.errors import Refused, SealBroken
from fluxiq.ports import Differs, Fresh, Page, Replay
from fluxiq.ports.sessions import Failed, LoggedIn, LogIn, Refreshed, Reused, Sessions
from fluxiq.ports.users import UserOpening, Users
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sessions import PostgresSessions
from fluxiq.stores.users import PostgresUsers
from tests.support.memory_users import MemoryUsers
from tests.support.seals import keyring
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    NOW,
    at,
    fetch,
    idempotency,
    new_id,
    open_store,
)

LOCK_OUT = LockOut(failures=3, seconds=10.0, seconds_max=60.0)
DOCUMENT = "52998224725"
OTHERS = ("39053344705", "11144477735", "93541134780")


@dataclass(frozen=True)
class Room:
    """Users and sessions of one institution; `postgres` is the pool under them, if there is one."""

    users: Users
    sessions: Sessions
    postgres: Postgres | None = None


@pytest.fixture
async def paper(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Room]:
    async with open_store(asyncio_host, institution_database) as (_, postgres):
        yield room_of(postgres)


@pytest.fixture(params=["postgres", "memory"])
async def room(request: pytest.FixtureRequest, asyncio_host: AsyncioHost) -> Any:
    """Both pairs of adapters, one after the other."""
    if request.param == "memory":
        users = MemoryUsers({MERCHANT: None})
        yield Room(users, users.sessions)
        return
    url = request.getfixturevalue("institution_database")
    async with open_store(asyncio_host, url) as (_, postgres):
        yield room_of(postgres)


def room_of(postgres: Postgres) -> Room:
    sealer = keyring(ISPB)
    users = PostgresUsers(postgres, ISPB, sealer)
    return Room(users, PostgresSessions(postgres, sealer), postgres)


def person(document: str = DOCUMENT, **said: Any) -> User:
    made = User(
        id=new_id("usr"),
        merchant_id=MERCHANT,
        document=document,
        name="Maria da Conceição",
        role=Role.OWNER,
        status=UserStatus.ACTIVE,
        password_hash="a hash",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(made, **said)


async def opened(room: Room, user: User | None = None, **said: Any) -> User:
    user = user or person(**said)
    opening = UserOpening(
        user=user, actor="key_1", response=b"made", claimed_by=MERCHANT, idempotency=None
    )
    assert await room.users.open_user(opening) == Fresh()
    return user


def token(letter: str, seconds: float = 0, life: float = 600) -> RefreshToken:
    return RefreshToken(
        digest=letter.encode() * 32, session_id="", created_at=at(seconds),
        expires_at=at(seconds + life),
    )  # fmt: skip


def session(user: User, seconds: float = 0, life: float = 3600) -> Session:
    return Session(
        id=new_id("ses"),
        user_id=user.id,
        created_at=at(seconds),
        last_used_at=at(seconds),
        expires_at=at(seconds + life),
        address="203.0.113.7",
        client="Banking/1.0",
    )


async def log_in(room: Room, user: User, letter: str = "a", seconds: float = 0) -> Session:
    made = session(user, seconds)
    login = LogIn(user=user, session=made, token=token(letter, seconds))
    assert isinstance(await room.sessions.log_in(login), LoggedIn)
    return made


async def live(room: Room, made: Session, seconds: float = 1) -> bool:
    return await room.sessions.is_live(made.id, at(seconds))


# describe users


async def test_a_user_comes_back_as_they_were(room: Room) -> None:
    user = await opened(room, totp_pending=b"\x00secret", one_time_until=at(60))
    assert await room.users.find_user(user.id) == user
    assert await room.users.find_user("usr_none") is None
    assert await room.users.list_users(MERCHANT, Page()) == ([user], 1)
    assert await room.users.list_users(None, Page()) == ([], 0)


async def test_people_of_the_institution_are_a_list_of_their_own(room: Room) -> None:
    chief = await opened(room, merchant_id=None)
    others = [
        await opened(room, document=one, merchant_id=None, created_at=at(number))
        for number, one in enumerate(OTHERS, start=1)
    ]
    first, total = await room.users.list_users(None, Page(size=2))
    assert (first, total) == ([others[2], others[1]], 4)
    assert await room.users.list_users(None, Page(number=2, size=2)) == ([others[0], chief], 4)


async def test_a_key_names_one_user(room: Room) -> None:
    under, user = idempotency(), person()
    opening = UserOpening(
        user=user, actor="key_1", response=b"made", claimed_by=MERCHANT, idempotency=under
    )
    assert await room.users.open_user(opening) == Fresh()
    again = replace(opening, user=person(), response=b"not this")
    assert await room.users.open_user(again) == Replay(False, b"made")
    other = replace(again, idempotency=replace(under, digest=b"other"))
    assert await room.users.open_user(other) == Differs()


async def test_a_document_is_one_user_of_the_institution(room: Room) -> None:
    user = await opened(room)
    with pytest.raises(Refused) as caught:
        await opened(room, merchant_id=None)
    assert caught.value.code == "user_exists"
    with pytest.raises(Refused) as caught:
        await opened(room, document=OTHERS[0], merchant_id="mch_none")
    assert caught.value.code == "merchant_not_found"

    await opened(room, document=OTHERS[1])
    await room.users.change_user(user.id, [Removed()], "key_1", at(1))
    assert (await opened(room)).id != user.id
    found = await room.users.find_user(user.id)
    assert found is not None
    assert (found.status, found.document) == (UserStatus.REMOVED, DOCUMENT)


@pytest.mark.parametrize("change", [Removed(), Locked(), RoleGiven(role=Role.MANAGER)])
async def test_the_last_owner_stays(room: Room, change: UserChange) -> None:
    user = await opened(room)
    await opened(room, document=OTHERS[0], merchant_id=None)
    locked = await opened(room, document=OTHERS[1], status=UserStatus.LOCKED)
    with pytest.raises(Refused) as caught:
        await room.users.change_user(user.id, [change], "key_1", at(1))
    assert caught.value.code == "last_owner"
    assert await room.users.find_user(user.id) == user

    await opened(room, document=OTHERS[2])
    changed = await room.users.change_user(user.id, [change], "key_1", at(1))
    assert changed is not None
    assert changed.user.updated_at == at(1)
    assert await room.users.change_user("usr_none", [change], "key_1", at(1)) is None
    assert await room.users.find_user(locked.id) == locked


async def test_of_two_owners_who_remove_each_other_one_stays(paper: Room) -> None:
    one, other = await opened(paper), await opened(paper, document=OTHERS[0])
    refused: list[str] = []

    async def remove(user: User, actor: User) -> None:
        try:
            await paper.users.change_user(user.id, [Removed()], actor.id, at(1))
        except Refused as error:
            refused.append(error.code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(remove, one, other)
        nursery.start_soon(remove, other, one)
    assert refused == ["last_owner"]


# describe begin_login


async def test_an_attempt_is_counted_before_it_is_judged(room: Room) -> None:
    user = await opened(room)
    for failures in range(3):
        attempt = await room.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
        assert attempt is not None
        assert (attempt.begun, attempt.user.failures) == (True, failures)
    locked = await room.sessions.begin_login(DOCUMENT, LOCK_OUT, at(9))
    proof = await room.sessions.begin_proof(user.id, LOCK_OUT, at(9))
    assert locked is not None
    assert proof is not None
    assert (locked.begun, proof.begun, locked.user.locked_until) == (False, False, at(10))
    later = await room.sessions.begin_login(DOCUMENT, LOCK_OUT, at(10))
    assert later is not None
    assert later.begun

    await room.sessions.forget_failures(user.id)
    assert await room.users.find_user(user.id) == user
    assert await room.sessions.begin_login(OTHERS[0], LOCK_OUT, NOW) is None
    assert await room.sessions.begin_proof("usr_none", LOCK_OUT, NOW) is None


async def test_a_thousand_guesses_at_once_are_not_all_the_first(paper: Room) -> None:
    await opened(paper)
    begun: list[bool] = []

    async def guess() -> None:
        attempt = await paper.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
        assert attempt is not None
        begun.append(attempt.begun)

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(guess)
    assert begun.count(True) == LOCK_OUT.failures


async def test_an_attempt_is_taken_back_unless_others_have_begun(room: Room) -> None:
    user = await opened(room)
    first = await room.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
    assert first is not None
    await room.sessions.take_back(first.user)
    assert await room.users.find_user(user.id) == user

    first = await room.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
    assert first is not None
    await room.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
    await room.sessions.take_back(first.user)
    found = await room.users.find_user(user.id)
    assert found is not None
    assert found.failures == 2


async def test_who_was_removed_is_found_by_nothing(room: Room) -> None:
    await opened(room, document=OTHERS[0])
    user = await opened(room)
    await room.users.change_user(user.id, [Removed()], "key_1", at(1))
    assert await room.sessions.begin_login(DOCUMENT, LOCK_OUT, at(2)) is None
    proof = await room.sessions.begin_proof(user.id, LOCK_OUT, at(2))
    assert proof is None or not proof.begun


# describe log_in


async def test_a_good_log_in_opens_a_session_and_forgets_failures(room: Room) -> None:
    user = await opened(room)
    await room.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
    made = session(user)
    login = LogIn(user=user, session=made, token=token("a"), password_hash="a stronger hash")
    won = await room.sessions.log_in(login)
    assert isinstance(won, LoggedIn)
    assert (won.user.failures, won.user.last_login_at, won.user.password_hash) == (
        0, NOW, "a stronger hash",
    )  # fmt: skip
    assert await room.sessions.list_sessions(user.id, at(1)) == [made]
    assert await live(room, made)
    assert not await live(room, made, 3600)
    assert not await room.sessions.is_live("ses_none", NOW)


@pytest.mark.parametrize("change", [Locked(), PasswordChosen(seen="a hash", password_hash="new")])
async def test_who_changed_meanwhile_does_not_come_in(room: Room, change: UserChange) -> None:
    await opened(room, document=OTHERS[0])
    user = await opened(room)
    await room.users.change_user(user.id, [change], "key_1", at(1))
    login = LogIn(user=user, session=session(user), token=token("a"))
    assert await room.sessions.log_in(login) is None
    assert await room.sessions.list_sessions(user.id, at(1)) == []


async def test_a_code_is_used_up_by_one(room: Room) -> None:
    user = await opened(room)
    secret = b"s" * 20
    confirm = TotpConfirmed(secret=secret, step=5, recovery_codes=(b"one", b"two"))
    for change in (TotpOffered(secret=secret), confirm):
        await room.users.change_user(user.id, [change], user.id, at(1))

    async def comes_in(**proof: Any) -> bool:
        login = LogIn(user=user, session=session(user), token=token(new_id("x")[-1]), **proof)
        login = replace(login, token=replace(login.token, digest=new_id("x").encode()))
        return await room.sessions.log_in(login) is not None

    assert [await comes_in(totp_step=step) for step in (5, 6, 6, 4, 7)] == [
        False, True, False, False, True,
    ]  # fmt: skip
    codes = (b"one", b"one", b"three", b"two")
    assert [await comes_in(recovery_code=one) for one in codes] == [True, False, False, True]
    found = await room.users.find_user(user.id)
    assert found is not None
    assert (found.totp_step, found.recovery_codes) == (7, ())


async def test_too_many_sessions_end_the_oldest(room: Room) -> None:
    user = await opened(room)
    made = [await log_in(room, user, chr(65 + number), number) for number in range(SESSIONS_MAX)]
    more = session(user, SESSIONS_MAX)
    login = LogIn(user=user, session=more, token=token("z", SESSIONS_MAX))
    won = await room.sessions.log_in(login)
    assert isinstance(won, LoggedIn)
    assert won.ended == (made[0].id,)
    assert [await live(room, one, 30) for one in (made[0], made[1], more)] == [False, True, True]


# describe refresh


async def test_a_token_is_used_once_and_the_next_one_is_current(room: Room) -> None:
    user = await opened(room)
    made = await log_in(room, user)
    refreshed = await room.sessions.refresh(token("a").digest, token("b", 10))
    assert isinstance(refreshed, Refreshed)
    assert refreshed.session == replace(made, last_used_at=at(10))
    assert refreshed.user.id == user.id
    assert isinstance(await room.sessions.refresh(token("b").digest, token("c", 20)), Refreshed)
    assert await room.sessions.refresh(b"unknown", token("d", 30)) is None


async def test_a_token_that_comes_back_ends_its_family(room: Room) -> None:
    user = await opened(room)
    made, other = await log_in(room, user), await log_in(room, user, "x")
    await room.sessions.refresh(token("a").digest, token("b", 10))
    reused = await room.sessions.refresh(token("a").digest, token("c", 11))
    assert reused == Reused(user_id=user.id, session_id=made.id)
    assert await room.sessions.refresh(token("b").digest, token("d", 12)) is None
    assert [await live(room, one, 12) for one in (made, other)] == [False, True]


async def test_of_two_who_use_a_token_at_once_one_is_a_thief(paper: Room) -> None:
    user = await opened(paper)
    made = await log_in(paper, user)
    answers: list[object] = []

    async def refresh(letter: str) -> None:
        answers.append(await paper.sessions.refresh(token("a").digest, token(letter, 1)))

    async with trio.open_nursery() as nursery:
        for letter in "bcdef":
            nursery.start_soon(refresh, letter)
    assert [type(one) for one in answers].count(Refreshed) == 1
    assert not await live(paper, made)


async def test_an_expired_token_and_one_of_an_ended_session_are_none(room: Room) -> None:
    user = await opened(room)
    made = await log_in(room, user)
    assert await room.sessions.refresh(token("a").digest, token("b", 600)) is None
    assert await live(room, made, 601)
    assert await room.sessions.end_session(user.id, made.id, EndReason.LOGGED_OUT, at(5))
    assert await room.sessions.refresh(token("a").digest, token("c", 6)) is None


# describe the end of sessions


async def test_a_session_ends_once_and_is_its_owners(room: Room) -> None:
    await opened(room, document=OTHERS[0])
    user = await opened(room)
    made = await log_in(room, user)
    assert not await room.sessions.end_session("usr_x", made.id, EndReason.REVOKED, at(1))
    assert await live(room, made)
    for reason in (EndReason.LOGGED_OUT, EndReason.REVOKED):
        assert await room.sessions.end_session(user.id, made.id, reason, at(2))
    assert not await live(room, made, 3)
    assert await room.sessions.list_sessions(user.id, at(3)) == []


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (RoleGiven(role=Role.OPERATOR), True),
        (Locked(), True),
        (Removed(), True),
        (PasswordReset(password_hash="x", until=NOW + timedelta(days=1)), True),
        (PasswordChosen(seen="a hash", password_hash="x"), True),
        (TotpOffered(secret=b"s"), False),
    ],
)
async def test_a_change_that_weighs_ends_sessions_with_itself(
    room: Room, change: UserChange, ends: bool
) -> None:
    await opened(room, document=OTHERS[0])
    user = await opened(room)
    made = await log_in(room, user)
    changed = await room.users.change_user(user.id, [change], "key_1", at(1))
    assert changed is not None
    assert changed.ended == ((made.id,) if ends else ())
    assert await live(room, made) is not ends


# describe what is on paper


async def test_what_is_a_persons_own_is_sealed_to_its_place(paper: Room) -> None:
    user = await opened(paper, totp_pending=b"the secret of the app")
    assert paper.postgres is not None
    [row] = await fetch(paper.postgres, "SELECT * FROM users")
    whole = b" ".join(value for value in row.values() if isinstance(value, bytes))
    for plain in (user.document, user.name, "the secret of the app"):
        assert plain.encode() not in whole

    await opened(paper, document=OTHERS[0])

    async def swap(connection: Any) -> None:
        await connection.execute(
            "UPDATE users SET document = (SELECT document FROM users WHERE id = $1) WHERE id <> $1",
            user.id,
        )

    await paper.postgres.run(swap)
    with pytest.raises(SealBroken):
        await paper.users.list_users(MERCHANT, Page())


async def test_what_matters_is_in_the_trail_and_no_persons_data(paper: Room) -> None:
    await opened(paper, document=OTHERS[0])
    user = await opened(paper)
    for _ in range(3):
        await paper.sessions.begin_login(DOCUMENT, LOCK_OUT, NOW)
    for who in (user.id, None):
        failed = Failed(user_id=who, why="password", address="203.0.113.7")
        await paper.sessions.note_failed(failed)
    made = await log_in(paper, user)
    await paper.sessions.refresh(token("a").digest, token("b", 10))
    await paper.sessions.refresh(token("a").digest, token("c", 11))
    await paper.users.change_user(user.id, [RoleGiven(role=Role.OPERATOR)], "usr_boss", at(12))

    assert paper.postgres is not None
    rows = await fetch(
        paper.postgres,
        "SELECT actor, action, subject, note FROM audit_trail WHERE actor <> 'platform'"
        " AND action NOT LIKE 'account%' ORDER BY id",
    )
    assert [tuple(row.values()) for row in rows if row["subject"] != OTHERS[0]][1:] == [
        ("key_1", "user.created", user.id, "owner"),
        (user.id, "login.locked_out", user.id, ""),
        (user.id, "login.failed", user.id, "password"),
        ("unknown", "login.failed", "unknown", "password"),
        (user.id, "session.opened", made.id, ""),
        (user.id, "session.refreshed", made.id, ""),
        (user.id, "session.refresh_reused", made.id, ""),
        ("usr_boss", "user.role_given", user.id, "owner -> operator"),
    ]


async def test_old_tokens_and_old_sessions_go(paper: Room) -> None:
    user = await opened(paper)
    await log_in(paper, user)
    await paper.sessions.refresh(token("a").digest, token("b", 1))
    await paper.sessions.refresh(token("b").digest, token("c", 2, life=10_000))
    await paper.sessions.refresh(token("c").digest, token("d", 700, life=10_000))
    assert paper.postgres is not None
    [row] = await fetch(paper.postgres, "SELECT count(*) AS left FROM refresh_tokens")
    assert row["left"] == 2  # a and b are over, and known no more

    await log_in(paper, user, "x", 100 * 86_400)
    [row] = await fetch(paper.postgres, "SELECT count(*) AS left FROM sessions")
    assert row["left"] == 1


async def test_a_merchant_sees_the_lines_of_its_own_people(paper: Room) -> None:
    user = await opened(paper)
    chief = await opened(paper, document=OTHERS[0], merchant_id=None)
    for one in (user, chief):
        made = await log_in(paper, one, one.document[0])
        await paper.sessions.note_failed(Failed(user_id=one.id, why="password", address=""))
        await paper.sessions.end_session(one.id, made.id, EndReason.LOGGED_OUT, at(1))
    assert paper.postgres is not None
    rows = await fetch(
        paper.postgres, "SELECT actor, merchant_id, count(*) AS lines FROM audit_trail"
        " WHERE actor LIKE 'usr%' GROUP BY actor, merchant_id ORDER BY actor",
    )  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [(user.id, MERCHANT, 3), (chief.id, "", 3)]

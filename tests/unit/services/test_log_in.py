"""Logging in: as much work and as much time whatever fails, and people of several institutions."""

from collections.abc import Sequence
from dataclasses import replace as with_fields
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from fluxiq.domain.user import UserStatus
from fluxiq.errors import Refused, Unavailable
from fluxiq.services import passwords as passwords_module
from fluxiq.services.log_in import INSTITUTIONS_MAX, log_in
from fluxiq.services.messages.sessions import LogIn
from fluxiq.services.passwords import Passwords, Verdict
from fluxiq.services.session_tokens import LoginClient, Tokens
from fluxiq.services.tenant import Tenant
from tests.support.memory_users import MemoryUsers, access_tokens, add_person
from tests.support.memory_world import MemoryWorld

CPF, OTHER_CPF = "52998224725", "39053344705"
PASSWORD = "três pratos de trigo"
CLIENT = LoginClient(address="203.0.113.7", program="Banking/1.0")


class Houses:
    """`services.tenant.Tenants` of several institutions."""

    def __init__(self, *tenants: Tenant) -> None:
        self.known = {one.ispb: one for one in tenants}

    def get(self, ispb: str) -> Tenant:
        if ispb not in self.known:
            raise Refused("institution_not_found", "there is none")
        return self.known[ispb]

    def all(self) -> Sequence[Tenant]:
        return tuple(self.known.values())


class CountedPasswords(Passwords):
    """Counts how often a hash was worked on."""

    looked = 0

    async def verify(self, hashed: str | None, text: str) -> Verdict:
        self.looked += 1
        return await super().verify(hashed, text)


async def admit(tenant: Tenant) -> None:
    await trio.lowlevel.checkpoint()


def said(**more: Any) -> LogIn:
    return LogIn(**({"document": CPF, "password": PASSWORD} | more))


async def enter(houses: Houses, **more: Any) -> Tokens:
    return await log_in(houses, said(**more), CLIENT, admit)


async def refused(houses: Houses, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await enter(houses, **more)
    return caught.value


def second(tenant: Tenant, ispb: str = "87654321") -> Tenant:
    """Another institution, with people of its own."""
    users = MemoryUsers({})
    return with_fields(
        tenant,
        institution=replace(tenant.institution, ispb=ispb),
        users=users,
        sessions=users.sessions,
        tokens=access_tokens(ispb, tenant.settings.identity),
    )


async def join(tenant: Tenant, password: str = PASSWORD, document: str = CPF) -> Any:
    users: Any = tenant.users
    people = getattr(users, "_port", users)
    now = tenant.clock.now()
    return await add_person(people, tenant.passwords, document, password, now)


async def test_every_failure_is_as_much_work_and_takes_as_long(world: MemoryWorld) -> None:
    identity = replace(world.tenant.settings.identity, failure_seconds=0.15)
    counted = CountedPasswords(identity)
    settings = replace(world.tenant.settings, identity=identity)
    tenant = with_fields(world.tenant, passwords=counted, settings=settings)
    await join(tenant)
    locked = await join(tenant, document=OTHER_CPF)
    world.users.people[locked.id] = replace(locked, status=UserStatus.LOCKED)

    for number, more in enumerate(
        ({"password": "a guess"}, {"document": "11144477735"}, {"document": OTHER_CPF}), start=1
    ):
        started = trio.current_time()
        assert (await refused(Houses(tenant), **more)).code == "login_failed"
        assert trio.current_time() - started >= 0.15
        assert counted.looked == number

    started = trio.current_time()
    await enter(Houses(tenant))
    assert trio.current_time() - started < 0.15


async def test_somebody_of_two_institutions_says_which(world: MemoryWorld) -> None:
    other = second(world.tenant)
    houses = Houses(world.tenant, other)
    ours, theirs = await join(world.tenant), await join(other)
    asked = await refused(houses)
    assert (asked.code, asked.details) == ("validation_failed", {"field": "ispb"})
    for tenant in houses.all():
        await enter(houses, ispb=tenant.ispb)
    assert world.users.people[ours.id].failures == 0
    assert other.users.people[theirs.id].failures == 0  # type: ignore[attr-defined]


async def test_a_password_that_was_right_in_one_is_no_guess_in_the_other(
    world: MemoryWorld,
) -> None:
    other = second(world.tenant)
    houses = Houses(world.tenant, other)
    ours, theirs = await join(world.tenant), await join(other, "um tigre, dois tigres")
    for _ in range(10):
        await enter(houses)
    await refused(houses, password="a guess")
    assert world.users.people[ours.id].failures == 1
    assert other.users.people[theirs.id].failures == 1  # type: ignore[attr-defined]


async def test_among_many_institutions_one_is_named(world: MemoryWorld) -> None:
    await join(world.tenant)
    many = [second(world.tenant, f"0000000{number}") for number in range(INSTITUTIONS_MAX)]
    houses = Houses(world.tenant, *many)
    assert (await refused(houses)).details == {"field": "ispb"}
    await enter(houses, ispb=world.tenant.ispb)
    assert (await refused(Houses())).details == {"field": "ispb"}


async def test_a_suspended_institution_says_so_to_whom_it_knows(world: MemoryWorld) -> None:
    await join(world.tenant)
    world.tenant.standing.suspended = True
    assert (await refused(Houses(world.tenant))).code == "institution_suspended"
    wrong = await refused(Houses(world.tenant), password="a guess")
    assert wrong.code == "login_failed"


async def test_whom_a_crowd_admits_is_asked_before_any_work(world: MemoryWorld) -> None:
    async def full(tenant: Tenant) -> None:
        await trio.lowlevel.checkpoint()
        raise Refused("rate_limited", "too many")

    counted = CountedPasswords(world.tenant.settings.identity)
    tenant = with_fields(world.tenant, passwords=counted)
    with pytest.raises(Refused, match="too many"):
        await log_in(Houses(tenant), said(), CLIENT, full)
    assert counted.looked == 0


# describe Passwords


async def test_a_hash_is_made_anew_when_the_parameters_change(world: MemoryWorld) -> None:
    user = await join(world.tenant)
    identity = replace(world.tenant.settings.identity, argon2_passes=2)
    tenant = with_fields(world.tenant, passwords=Passwords(identity))
    await enter(Houses(tenant))
    renewed = world.users.people[user.id].password_hash
    assert "t=1," in user.password_hash
    assert "t=2," in renewed
    assert renewed.startswith("$argon2id$v=19$m=8,")
    await enter(Houses(tenant))
    assert world.users.people[user.id].password_hash == renewed


async def test_nobodys_password_is_never_right(world: MemoryWorld) -> None:
    passwords = world.tenant.passwords
    for text in ("", "x", PASSWORD, "x" * 5000):
        assert await passwords.verify(None, text) == Verdict(right=False)
    assert await passwords.verify("not a hash", PASSWORD) == Verdict(right=False)


async def test_a_password_is_one_however_it_was_typed(world: MemoryWorld) -> None:
    hashed = await world.tenant.passwords.hash("ação da caixa forte")
    typed = "ac\u0327a\u0303o da caixa forte"
    assert (await world.tenant.passwords.verify(hashed, typed)).right


async def test_a_crowd_before_the_threads_is_sent_away(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords_module, "WAITING_MAX", 0)
    with pytest.raises(Unavailable):
        await world.tenant.passwords.verify(None, "x")
    with pytest.raises(Unavailable):
        await world.tenant.passwords.hash("x")

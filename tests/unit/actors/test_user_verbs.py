"""What operators do for people who cannot help themselves, through the desk."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.user_verbs import user_verbs
from fluxiq.domain.user import UserStatus
from tests.support.admin_desk import ask, open_desk
from tests.support.memory_world import MemoryWorld

DOCUMENT = "529.982.247-25"
PERSON = {"document": DOCUMENT, "person_name": "Maria", "role": "owner", "yes": True}


async def added(at: Any, **said: Any) -> Any:
    return await ask(at, "user_add", **(PERSON | said))


async def test_the_first_owner_is_added_with_a_password_to_be_changed(tmp_path: Path) -> None:
    world = await MemoryWorld().open()
    async with open_desk(tmp_path, user_verbs, world.tenant) as at:
        made = await added(at, merchant=world.merchant_id)
        assert (made["merchant_id"], made["role"]) == (world.merchant_id, "owner")
        assert made["must_change_password"] is True
        user = world.users.people[made["id"]]
        assert (await world.tenant.passwords.verify(user.password_hash, made["password"])).right

        [listed] = await ask(at, "users", merchant=world.merchant_id)
        assert listed["id"] == made["id"]
        assert "password" not in listed
        assert await ask(at, "users") == []


def written_in(folder: Path) -> bytes:
    """Everything that the desk has left behind."""
    return b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())


async def test_neither_password_nor_name_nor_document_is_in_the_book(tmp_path: Path) -> None:
    world = await MemoryWorld().open()
    async with open_desk(tmp_path, user_verbs, world.tenant) as at:
        made = await added(at, person_name="Maria da Conceição")
    written = written_in(tmp_path)
    assert b"user_add" in written
    for plain in (made["password"], "Maria da Concei", DOCUMENT, "52998224725"):
        assert plain.encode() not in written


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"role": "king"}, "bad_arguments"),
        ({"document": "1"}, "invalid_document"),
        ({"merchant": "mch_none"}, "merchant_not_found"),
        ({"yes": False}, "needs_yes"),
    ],
)
async def test_what_cannot_be_is_refused(tmp_path: Path, said: dict[str, Any], code: str) -> None:
    world = await MemoryWorld().open()
    async with open_desk(tmp_path, user_verbs, world.tenant) as at:
        assert (await added(at, **said))["code"] == code
    assert world.users.people == {}


async def test_a_reset_opens_every_lock(tmp_path: Path) -> None:
    world = await MemoryWorld().open()
    async with open_desk(tmp_path, user_verbs, world.tenant) as at:
        made = await added(at)
        user = world.users.people[made["id"]]
        world.users.people[user.id] = replace(
            user, status=UserStatus.LOCKED, failures=9, totp_secret=b"s", totp_step=1
        )
        reset = await ask(at, "user_reset", id=user.id, totp=True, yes=True)
        unknown = await ask(at, "user_reset", id="usr_none", yes=True)
    after = world.users.people[user.id]
    assert (after.status, after.failures, after.totp_secret) == (UserStatus.ACTIVE, 0, None)
    assert reset["password"] != made["password"]
    assert unknown["code"] == "user_not_found"

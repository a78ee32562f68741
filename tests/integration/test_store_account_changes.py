"""Accounts on request, on a real PostgreSQL: opened once, changed as they were read, listed."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import Account, AccountStatus, PixKey
from fluxiq.ports import Archived, Differs, Fresh, Idempotency, Page, Replay
from fluxiq.ports.accounts import AccountChanged, AccountFilter, AccountOpening
from fluxiq.stores.account_changes import PostgresAccounts
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    account,
    at,
    event,
    fetch,
    idempotency,
    new_id,
    open_store,
    pix_key,
)

ACTOR = "key_1"
FIRST = Page(number=1, size=10)


@pytest.fixture
async def opened(
    asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[tuple[PostgresStore, Postgres]]:
    async with open_store(asyncio_host, institution_database) as both:
        yield both


@pytest.fixture
def store(opened: tuple[PostgresStore, Postgres]) -> PostgresStore:
    return opened[0]


@pytest.fixture
def postgres(opened: tuple[PostgresStore, Postgres]) -> Postgres:
    return opened[1]


@pytest.fixture
def accounts(postgres: Postgres) -> PostgresAccounts:
    return PostgresAccounts(postgres, ISPB, keyring(ISPB))


def opening(made: Account, *keys: PixKey, under: Idempotency | None = None) -> AccountOpening:
    return AccountOpening(
        account=made,
        keys=keys,
        event=event("account.created"),
        response=made.id.encode(),
        idempotency=under,
        actor=ACTOR,
    )


def change(before: Account, **said: object) -> AccountChanged:
    return AccountChanged(
        account=msgspec.structs.replace(before, **said),
        before=before,
        action="account.blocked",
        event=event("account.blocked"),
        actor=ACTOR,
        note="alarm",
    )


async def audit(postgres: Postgres) -> list[tuple[str, str, str]]:
    rows = await fetch(
        postgres,
        "SELECT actor, action, note FROM audit_trail WHERE actor = $1 ORDER BY id",
        ACTOR,
    )
    return [(row["actor"], row["action"], row["note"]) for row in rows]


async def test_an_account_comes_back_with_its_keys(
    accounts: PostgresAccounts, store: PostgresStore, postgres: Postgres
) -> None:
    made = account(new_id("acc"), created_at=at(1), metadata={"shop": [1, "2"]})
    key = pix_key("a@example.com", made.id)
    assert await accounts.open(opening(made, key)) == Fresh()

    assert await store.find_account(made.id) == made
    assert await store.pix_keys_of(made.id) == [key]
    assert await audit(postgres) == [(ACTOR, "account.created", "")]


async def test_a_key_opens_one_account_and_is_answered_alike(
    accounts: PostgresAccounts, postgres: Postgres
) -> None:
    first, again, key = account(new_id("acc")), account(new_id("acc")), idempotency()
    other = msgspec.structs.replace(key, digest=b"another body")

    assert await accounts.open(opening(first, under=key)) == Fresh()
    repeated = opening(again, pix_key("a@example.com", again.id), under=key)
    assert await accounts.open(repeated) == Replay(False, first.id.encode())
    assert await accounts.open(opening(again, under=other)) == Differs()
    rows = await fetch(postgres, "SELECT count(*) AS n FROM accounts")
    assert rows[0]["n"] == 2  # with the one that was there
    assert await fetch(postgres, "SELECT * FROM pix_keys WHERE account_id = $1", again.id) == []
    assert len(await audit(postgres)) == 1


async def test_a_change_is_written_with_its_reason_and_its_event(
    accounts: PostgresAccounts, store: PostgresStore, postgres: Postgres
) -> None:
    asked = change(account(), status=AccountStatus.BLOCKED, block_reason="alarm", name="New")
    assert await accounts.change(asked) == Archived()

    assert await store.find_account(ACCOUNT) == asked.account
    assert await audit(postgres) == [(ACTOR, "account.blocked", "alarm")]
    [told] = await fetch(postgres, "SELECT id FROM events WHERE type = 'account.blocked'")
    assert told["id"] == asked.event.id


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"name": "Other"},
        {"metadata": {"a": 1}},
        {"status": AccountStatus.BLOCKED, "block_reason": "court"},
        {"status": AccountStatus.INACTIVE},
    ],
    ids=["name", "metadata", "status", "inactive"],
)
async def test_a_change_of_what_was_not_read_is_not_written(
    accounts: PostgresAccounts,
    store: PostgresStore,
    postgres: Postgres,
    meanwhile: dict[str, object],
) -> None:
    read = account()
    await accounts.change(change(read, **meanwhile))
    lines = await audit(postgres)

    assert await accounts.change(change(read, name="Mine")) is None
    assert await store.find_account(ACCOUNT) == msgspec.structs.replace(read, **meanwhile)
    assert await audit(postgres) == lines


async def test_a_reason_without_a_block_is_refused_by_the_schema(
    accounts: PostgresAccounts,
) -> None:
    with pytest.raises(Exception, match="blocked_for_a_reason"):
        await accounts.change(change(account(), block_reason="alarm"))


async def test_accounts_are_listed_with_their_keys_and_filtered(
    accounts: PostgresAccounts,
) -> None:
    second = account(new_id("acc"), created_at=at(1), product_id="prod_pix_settlement")
    keys = [pix_key("b@example.com", second.id), pix_key("a@example.com", second.id)]
    await accounts.open(opening(second, *keys))

    async def listed(page: Page = FIRST, **said: object) -> tuple[list[tuple[str, int]], int]:
        wanted = msgspec.structs.replace(AccountFilter(merchant_id=MERCHANT), **said)
        found, total = await accounts.page(wanted, page)
        return [(one.id, len(names)) for one, names in found], total

    assert await listed() == ([(ACCOUNT, 0), (second.id, 2)], 2)
    assert await listed(Page(number=2, size=1)) == ([(second.id, 2)], 2)
    assert await listed(product_id="prod_pix_settlement") == ([(second.id, 2)], 1)
    assert await listed(status=AccountStatus.BLOCKED) == ([], 0)
    assert await listed(merchant_id="mch_other") == ([], 0)

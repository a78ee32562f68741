"""Encryption at rest on a real PostgreSQL: what is on the disk, and rotations while all work."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
import trio

from fluxiq import settings
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.envelope import PLAIN, key_id_of
from fluxiq.domain.records import ChargeStatus
from fluxiq.errors import SealBroken
from fluxiq.ports import Page
from fluxiq.ports.sealing import Place
from fluxiq.ports.sealing_keys import Progress, SealingDesk, Stale
from fluxiq.ports.webhooks import Asked, DeliveriesWanted, DeliveryStatus
from fluxiq.sealing import Keyring
from fluxiq.sealing.keyring import MESSAGES_MAX
from fluxiq.sealing.keys import GRANT, open_keyring, refresh, rewrap, rotate
from fluxiq.services import reseal as room
from fluxiq.services.reseal import RETIRE_SECONDS, SETTLE_SECONDS, reseal
from fluxiq.services.tenant import Tenant
from fluxiq.stores.migrate import MIGRATIONS, migrate, read_migrations
from fluxiq.stores.plain_keys import seal_plain_keys
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.provision import provision_institution, role_of
from fluxiq.stores.sealed import SEALED, Column, House
from fluxiq.stores.sealed_rows import PostgresSealedRows
from fluxiq.stores.sealing_keys import PostgresSealingKeys
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.webhooks import PostgresWebhooks
from tests.support.lived_in import CODE, OWN_KEY, PAYER, SECRETS, dumped, live_in
from tests.support.memory_sealing import MemoryWrapper
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    NOW,
    PASSWORD,
    at,
    charge,
    charge_opening,
    endpoint,
    event,
    fetch,
    open_admin,
    open_institution,
)


@dataclass
class LivedIn:
    """A lived-in institution and its real keys; `clock` stands still until it is told."""

    postgres: Postgres
    ring: Keyring
    keys: PostgresSealingKeys
    rows: PostgresSealedRows
    wrapper: MemoryWrapper
    broken: list[Place]
    now: datetime

    @property
    def store(self) -> PostgresStore:
        return PostgresStore(self.postgres, ISPB, self.ring)

    @property
    def tenant(self) -> Tenant:
        """As much of one as a rotation asks for."""
        loaded = settings.load({})
        sealing = msgspec.structs.replace(loaded.sealing, rotate_rows_per_second=1_000_000)
        return cast(
            "Tenant",
            SimpleNamespace(
                ispb=ISPB,
                sealer=self.ring,
                sealing=SealingDesk(self.keys, self.rows),
                settings=msgspec.structs.replace(loaded, sealing=sealing),
                clock=SimpleNamespace(now=lambda: self.now),
            ),
        )

    async def rotate(self) -> None:
        """As the keeper and the job see it: the key is made, seen, and old enough."""
        seen = await self.keys.state()
        await rotate(ISPB, self.keys, self.wrapper, self.now)
        await refresh(ISPB, self.ring, seen, self.keys, self.wrapper)
        self.now += timedelta(seconds=SETTLE_SECONDS + 1)

    async def key_ids(self) -> set[int | None]:
        """Of every sealed value there is."""
        return {key_id_of(sealed) for _, _, sealed in await self.values()}

    async def values(self) -> list[tuple[Column, str, bytes]]:
        found = []
        for column in SEALED:
            query = (
                f"SELECT {column.row} AS row, {column.name} AS sealed FROM {column.table}"
                f" WHERE {column.where} AND {column.name} IS NOT NULL"
            )
            found += [
                (column, one["row"], one["sealed"]) for one in await fetch(self.postgres, query)
            ]
        return found

    async def opened(self) -> dict[tuple[str, str], bytes]:
        return {
            (column.what, row): self.ring.open(sealed, column.place(row))
            for column, row, sealed in await self.values()
        }


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[LivedIn]:
    async with open_institution(asyncio_host, institution_database) as postgres:
        made = await house_of(postgres)
        await live_in(postgres, made.ring)
        yield made


async def house_of(postgres: Postgres) -> LivedIn:
    keys, wrapper, broken = PostgresSealingKeys(postgres), MemoryWrapper(), list[Place]()
    now = datetime.now(UTC)
    ring = await open_keyring(ISPB, keys, wrapper, now, broken.append)
    ring.vouch(float("inf"))
    return LivedIn(postgres, ring, keys, PostgresSealedRows(postgres), wrapper, broken, now)


async def test_no_column_of_any_table_says_who_anybody_is(house: LivedIn) -> None:
    found = await dumped(house.postgres)
    assert len(found) > 150, "every table is looked at"
    told = {
        (name, secret)
        for name, said in found.items()
        for secret in SECRETS
        if secret.encode() in said or secret.encode().hex().encode() in said
    }
    assert told == set()


async def test_the_same_look_finds_what_is_plain(house: LivedIn) -> None:
    """The test above can fail."""
    await fetch(house.postgres, "UPDATE merchants SET city = $1", PAYER.name)
    found = await dumped(house.postgres)
    assert PAYER.name.encode() in found["merchants.city"]


async def test_every_sealed_column_was_written_and_opens(house: LivedIn) -> None:
    opened = await house.opened()
    written = {what for what, _ in opened}
    # Their own tests write and read these.
    elsewhere = {"users", "infractions", "dead_letters", "erasures"}
    people = {column.what for column in SEALED if column.table not in elsewhere}
    assert written >= people
    assert any(PAYER.name.encode() in plain for plain in opened.values())
    assert house.broken == []


async def test_sealed_columns_are_columns_with_those_primary_keys(house: LivedIn) -> None:
    """What rotations go by is what the tables are like."""
    kinds = await fetch(
        house.postgres,
        """
        SELECT table_name || '.' || column_name AS name, data_type
        FROM information_schema.columns WHERE table_schema = current_schema()
        """,
    )
    types = {one["name"]: one["data_type"] for one in kinds}
    primary = await fetch(
        house.postgres,
        """
        SELECT indrelid::regclass::text AS name, array_agg(attname::text ORDER BY place) AS key
        FROM pg_index, unnest(indkey) WITH ORDINALITY AS part (number, place)
        JOIN pg_attribute ON attnum = number AND attrelid = (
            SELECT oid FROM pg_class WHERE oid = attrelid
        )
        WHERE indisprimary AND attrelid = indrelid
        GROUP BY indrelid
        """,
    )
    keys = {one["name"]: tuple(one["key"]) for one in primary}
    for column in SEALED:
        assert types[f"{column.table}.{column.name}"] == "bytea", column
        assert keys[column.table] == tuple(name for name, _ in column.key), column
        for name, kind in column.key:
            assert types[f"{column.table}.{name}"] == kind, column


async def test_a_value_that_somebody_changed_is_an_alarm_and_nothing_else(house: LivedIn) -> None:
    await fetch(
        house.postgres,
        "UPDATE merchants SET name = set_byte(name, 20, get_byte(name, 20) # 1) WHERE id = $1",
        MERCHANT,
    )
    with pytest.raises(SealBroken):
        await house.store.find_merchant(MERCHANT)
    assert house.broken == [Place("merchants", "name", MERCHANT)]


async def test_a_value_that_somebody_moved_is_an_alarm(house: LivedIn) -> None:
    await fetch(
        house.postgres,
        """
        UPDATE merchants SET name = other.name
        FROM merchants AS other WHERE merchants.id = $1 AND other.id <> $1
        """,
        MERCHANT,
    )
    with pytest.raises(SealBroken):
        await house.store.find_merchant(MERCHANT)


async def test_what_does_not_open_keeps_no_sweep_from_the_others(house: LivedIn) -> None:
    store = house.store
    await store.open_charge(charge_opening(charge()))
    await fetch(house.postgres, "UPDATE charges SET qr_code = '\\x01' WHERE payer IS NOT NULL")
    found = await store.overdue_charges(datetime(2100, 1, 1, tzinfo=UTC), 100)
    assert [one.payer for one in found] == [None]
    assert [one.column for one in house.broken] == ["qr_code"]


async def test_an_event_that_does_not_open_is_given_up_and_the_others_are_delivered(
    house: LivedIn,
) -> None:
    webhooks = PostgresWebhooks(house.postgres, ISPB, house.ring)
    hook = endpoint()
    asked = Asked(merchant_id=MERCHANT, at=NOW)
    await webhooks.add_endpoint(hook, asked, 10)
    broken, good = event("webhook.test"), event("webhook.test")
    for one in (broken, good):
        await webhooks.send_to_one(hook.id, one, asked)
    spoil = "UPDATE events SET body = set_byte(body, 30, get_byte(body, 30) # 1) WHERE id = $1"
    await fetch(house.postgres, spoil, broken.id)

    claimed = await webhooks.claim_deliveries(hook.id, at(1), 30, 10)
    assert [one.event_id for one in claimed.deliveries] == [good.id]
    found, _ = await webhooks.list_deliveries(
        hook.id, DeliveriesWanted(status=DeliveryStatus.FAILED), Page(number=1, size=10)
    )
    assert [(one.event_id, one.log[-1].error) for one in found] == [
        (broken.id, "the event on record cannot be read")
    ]
    assert house.broken == [Place("events", "body", broken.id)]


async def test_a_pix_key_is_found_by_its_index_and_unique(house: LivedIn) -> None:
    found = await house.store.find_pix_key(OWN_KEY)
    assert found is not None
    assert found.key == OWN_KEY
    assert await house.store.find_pix_key(OWN_KEY.upper()) is None


# Keys


async def test_of_many_who_start_at_once_one_makes_the_keys(
    asyncio_host: AsyncioHost, institution_database: str
) -> None:
    async with open_institution(asyncio_host, institution_database) as postgres:
        keys, wrapper = PostgresSealingKeys(postgres), MemoryWrapper()
        rings: list[Keyring] = []

        async def start() -> None:
            now = datetime.now(UTC)
            rings.append(await open_keyring(ISPB, keys, wrapper, now, lambda place: None))

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(start)

        here = Place("merchants", "name", MERCHANT)
        sealed = [ring.seal(b"Maria", here) for ring in rings]
        assert {ring.open(one, here) for ring in rings for one in sealed} == {b"Maria"}
        state = await keys.state()
        assert [key.id for key in state.keys] == [0, 1]
        assert state.current.messages == 8 * GRANT, "each has its own grant"
        assert state.plain_allowed is False, "a new institution has nothing from before"


async def test_a_key_is_granted_all_its_messages_and_not_one_more(house: LivedIn) -> None:
    granted = (await house.keys.state()).current.messages
    assert await house.keys.grant(1, MESSAGES_MAX - granted, MESSAGES_MAX)
    assert not await house.keys.grant(1, 1, MESSAGES_MAX)
    assert not await house.keys.grant(0, 1, MESSAGES_MAX), "the index key seals nothing"
    assert (await house.keys.state()).current.messages == MESSAGES_MAX


async def test_keys_that_are_wrapped_anew_are_the_same_keys(house: LivedIn) -> None:
    before = await house.opened()
    house.wrapper.known.insert(0, "kek_2")
    assert await rewrap(ISPB, house.keys, house.wrapper) == [0, 1]
    house.wrapper.known.remove("kek_1")
    house.ring = await open_keyring(ISPB, house.keys, house.wrapper, house.now, house.broken.append)
    assert await house.opened() == before


# Rotations


async def test_everything_is_sealed_again_and_says_the_same(house: LivedIn) -> None:
    before = await house.opened()
    assert await house.key_ids() == {1}
    await house.rotate()
    await reseal(house.tenant)
    assert await house.key_ids() == {2}
    assert await house.opened() == before
    progress = await house.rows.progress(2)
    assert {one.what for one in progress} == {column.what for column in SEALED}
    assert sum(one.resealed for one in progress) == len(before)
    assert all(one.done_at is not None for one in progress)


async def test_the_old_key_is_retired_when_nothing_can_use_it(house: LivedIn) -> None:
    await house.rotate()
    await reseal(house.tenant)
    assert len((await house.keys.state()).in_use) == 2
    house.now += timedelta(seconds=RETIRE_SECONDS)
    await reseal(house.tenant)
    assert [key.id for key in (await house.keys.state()).in_use] == [2]
    again = await open_keyring(ISPB, house.keys, house.wrapper, house.now, house.broken.append)
    assert {again.open(s, c.place(row)) for c, row, s in await house.values()} == {
        house.ring.open(s, c.place(row)) for c, row, s in await house.values()
    }


async def test_a_row_that_was_restored_from_before_is_an_alarm_once_its_key_is_retired(
    house: LivedIn,
) -> None:
    [old] = await fetch(house.postgres, "SELECT name FROM merchants WHERE id = $1", MERCHANT)
    await house.rotate()
    await reseal(house.tenant)
    house.now += timedelta(seconds=RETIRE_SECONDS)
    await reseal(house.tenant)
    await refresh(ISPB, house.ring, None, house.keys, house.wrapper)
    await fetch(
        house.postgres, "UPDATE merchants SET name = $2 WHERE id = $1", MERCHANT, old["name"]
    )
    with pytest.raises(SealBroken):
        await house.store.find_merchant(MERCHANT)


@pytest.mark.parametrize("at", [1, 3, 9])
async def test_a_crash_in_the_middle_is_gone_on_from(
    house: LivedIn, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 1)
    before = await house.opened()
    await house.rotate()
    put, calls = house.rows.replace, 0

    async def dies(fresh: list[tuple[Stale, bytes]], progress: Progress) -> int:
        nonlocal calls
        calls += 1
        if calls == at:
            raise MemoryError
        return await put(fresh, progress)

    monkeypatch.setattr(house.rows, "replace", dies)
    with pytest.raises(MemoryError):
        await reseal(house.tenant)
    assert await house.opened() == before
    monkeypatch.setattr(house.rows, "replace", put)
    await reseal(house.tenant)
    assert await house.key_ids() == {2}
    assert await house.opened() == before
    assert sum(one.resealed for one in await house.rows.progress(2)) == len(before)


async def test_a_rotation_and_the_day_s_work_do_not_disturb_each_other(
    house: LivedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Charges are opened, read and expired, while everything is sealed again."""
    monkeypatch.setattr(room, "PAGE", 3)
    store, made = (
        house.store,
        [charge(payer=PAYER, pix_key=OWN_KEY, qr_code=CODE) for _ in range(60)],
    )
    for one in made[:30]:
        await store.open_charge(charge_opening(one))
    await house.rotate()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reseal, house.tenant)
        for one in made[30:]:
            await store.open_charge(charge_opening(one))
            assert await store.find_charge(one.id) == one
        overdue = await store.overdue_charges(datetime(2100, 1, 1, tzinfo=UTC), 10)
        expired = [(one, charge_opening(one).event) for one in overdue]
        await store.archive_expiries(expired)

    assert await house.key_ids() == {2}
    assert house.broken == []
    for one in made:
        found = await store.find_charge(one.id)
        assert found is not None
        assert msgspec.structs.replace(found, status=ChargeStatus.PENDING) == one


# From before the seals


async def test_plain_rows_are_carried_over_read_sealed_and_then_refused(
    asyncio_host: AsyncioHost, postgres_database: str
) -> None:
    async with open_admin(asyncio_host, postgres_database) as admin:
        await _as_before_the_seals(admin)
        await provision_institution(admin, ISPB, "Banco", 1, PASSWORD)
    own = postgres_database.replace("postgres@", f"{role_of(ISPB)}@")
    async with open_admin(asyncio_host, own) as postgres:
        house = await house_of(postgres)
        assert (await house.keys.state()).plain_allowed
        await seal_plain_keys(postgres, House(ISPB, house.ring))
        await _is_as_it_was(house)
        assert await house.key_ids() == {0, 1}, "only keys are sealed at once"

        house.now += timedelta(seconds=SETTLE_SECONDS + 1)
        await reseal(house.tenant)
        assert await house.key_ids() == {1}
        await refresh(ISPB, house.ring, None, house.keys, house.wrapper)
        await _is_as_it_was(house)
        assert not (await house.keys.state()).plain_allowed

        plain = "UPDATE merchants SET name = $1"
        await fetch(postgres, plain, PLAIN + b"somebody else")
        with pytest.raises(SealBroken):
            await house.store.find_merchant("mch_old")


async def _as_before_the_seals(admin: Postgres) -> None:
    """The schema up to 0018_sealed, with one row in each table that it changes."""
    known = [one for one in read_migrations(MIGRATIONS / "institution") if one.number < 18]
    await migrate(admin, role_of(ISPB), known)

    async def write(connection: Connection) -> None:
        await connection.execute(f"SET LOCAL search_path = {role_of(ISPB)}")
        await connection.execute(_BEFORE)

    await admin.transaction(write)


_BEFORE = """
INSERT INTO merchants VALUES ('mch_old', 'Padaria Segredo', '00038166000105', 'CURITIBA', now());
INSERT INTO accounts (
    id, merchant_id, ledger_id, product_id, name, status, created_at, metadata
) VALUES (
    'acc_old', 'mch_old', gen_random_uuid(), 'prod', 'Padaria Segredo', 'active', now(), '{}'
);
INSERT INTO pix_keys VALUES ('chave.propria@example.com', 'EMAIL', 'acc_old', now());
INSERT INTO charges (
    id, merchant_id, account_id, txid, amount, description, payer, pix_key, qr_code, status,
    expires_at, created_at, metadata
) VALUES (
    'chg_old', 'mch_old', 'acc_old', 'txid', 5, 'a chair',
    '{"document": "52998224725", "name": "Maria Pagadora"}', 'chave.propria@example.com', '000201',
    'pending', now(), now(), '{}'
);
INSERT INTO inbox VALUES ('evt_old', 'simulator', 'event 1', '{"payer": null}', now(), NULL);
INSERT INTO events VALUES ('evt_told', 'mch_old', 'a.kind', now(), '{"id":"evt_told"}', NULL);
INSERT INTO outbox (subject, reference, body, next_attempt_at)
VALUES ('FLUXIQ.12345678.events.mch_old', 'evt_told', '{"id":"evt_told"}', now());
INSERT INTO outbox (subject, reference, body, work, next_attempt_at) VALUES
    ('FLUXIQ.12345678.pix.in.0', 'evt_old', '{"id":"evt_old"}', 'evt_old', now()),
    ('FLUXIQ.12345678.pix.out.0', 'E1', '{"end_to_end_id":"E1"}', 'pay_old', now());
INSERT INTO idempotency_keys VALUES ('mch_old', 'k', 'd', 'chg_old', false, '{"data":1}', now());
INSERT INTO webhook_endpoints (id, merchant_id, url, events, secret, created_at)
VALUES ('whk_old', 'mch_old', 'https://m.example', '{}', 'whsec_c2VncmVkbyBub3Zv', now());
"""


async def _is_as_it_was(house: LivedIn) -> None:
    store = house.store
    merchant, made = await store.find_merchant("mch_old"), await store.find_charge("chg_old")
    key, account = await store.find_pix_key(OWN_KEY), await store.find_account("acc_old")
    assert merchant is not None
    assert made is not None
    assert key is not None
    assert account is not None
    assert (merchant.name, merchant.document) == ("Padaria Segredo", "00038166000105")
    assert (made.payer, made.pix_key, made.qr_code) == (PAYER, OWN_KEY, "000201")
    assert (key.key, key.account_id, account.name) == (OWN_KEY, "acc_old", "Padaria Segredo")
    opened = await house.opened()
    assert opened["idempotency_keys.response", "mch_old/k"] == b'{"data":1}'
    assert opened["outbox.body (events.body)", "evt_told"] == b'{"id":"evt_told"}'
    assert opened["outbox.body", "evt_old"] == b'{"id":"evt_old"}'
    assert opened["webhook_endpoints.secret", "whk_old"] == b"whsec_c2VncmVkbyBub3Zv"
    [order] = await fetch(house.postgres, "SELECT body FROM outbox WHERE work = 'pay_old'")
    assert order["body"] == b'{"end_to_end_id":"E1"}', "an order is ids only, and stays plain"


async def test_an_institution_s_role_rewrites_no_receipt_but_its_seal(house: LivedIn) -> None:
    rights = await fetch(
        house.postgres,
        """
        SELECT column_name FROM information_schema.column_privileges
        WHERE table_schema = current_schema() AND table_name = 'receipts'
            AND privilege_type = 'UPDATE' AND grantee = current_user
        """,
    )
    # The blind index is filled in for receipts from before it.
    assert {one["column_name"] for one in rights} == {"payer", "payer_index"}
    for table in ("sealing_keys", "sealing_state"):
        query = "SELECT has_table_privilege($1, 'DELETE') AS may"
        assert await fetch(house.postgres, query, table) == [{"may": False}]

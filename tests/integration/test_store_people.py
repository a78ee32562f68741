"""A person's data in a real PostgreSQL: all of it is found, what may go goes, and once."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.data_map_tables import PERSONAL
from fluxiq.domain.privacy import Because, Erasure, Mention, Walk
from fluxiq.ports.privacy import Limits
from fluxiq.stores.erasing import RULES
from fluxiq.stores.people import SEARCHED, PostgresPeople, says
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealed import SEALED
from tests.support.lived_in import DOCUMENT, OWN_KEY, PAYEE, PAYER, SECRETS, live_in
from tests.support.seals import keyring
from tests.support.store_records import ISPB, NOW, at, fetch, new_id, open_institution

ALL = Limits(events_before=at(10**8), logins_before=at(10**8))
NONE = Limits(events_before=at(-(10**8)), logins_before=at(-(10**8)))


@dataclass
class Records:
    people: PostgresPeople
    postgres: Postgres

    async def found(self, document: str, limit: int = 1000) -> list[Mention]:
        found, walk = list[Mention](), Walk()
        while True:
            page, following = await self.people.search(document, walk, limit)
            found += page
            if following is None:
                return found
            walk = following

    async def begun(self, document: str) -> Erasure:
        asked = Erasure(
            id=new_id("era"), person=document, walk=Walk(), asked_at=NOW, reason="by letter"
        )
        return await self.people.begin(asked)

    async def erased(self, document: str, limits: Limits) -> Erasure:
        erasure = await self.begun(document)
        while erasure.walk is not None:
            page, walk = await self.people.search(document, erasure.walk, 2)
            erasure = await self.people.erase(erasure, page, walk, limits, NOW)
        return erasure


@pytest.fixture
async def records(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Records]:
    async with open_institution(asyncio_host, institution_database) as postgres:
        sealer = keyring(ISPB)
        await live_in(postgres, sealer)
        yield Records(PostgresPeople(postgres, ISPB, sealer), postgres)


def tables(found: Sequence[Mention]) -> set[str]:
    return {one.table for one in found}


def test_every_table_with_a_sealed_person_is_searched_and_every_rule_is_of_one() -> None:
    searched = {one.table for one in SEARCHED}
    assert {one.table for one in SEALED} - searched == {"erasures"}
    assert searched <= {one.table for one in PERSONAL}
    assert {one.table for one in RULES} == {one.table for one in PERSONAL if one.erasure}


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ('{"document":"52998224725"}', True),
        ("he has CPF 529.982.247-25, he says", True),
        ('{"document":"52998224725000"}', False),
        ('{"id":"E1234567852998224725"}', False),
        ('{"document":"A52998224725"}', False),
    ],
)
def test_the_same_digits_in_another_number_are_nobody_s(text: str, *, is_said: bool) -> None:
    assert says(text, PAYER.document) is is_said


async def test_a_payer_is_found_wherever_the_payer_is(records: Records) -> None:
    found = await records.found(PAYER.document)
    assert tables(found) >= {
        "charges", "receipts", "inbox", "events", "idempotency_keys", "outbox", "pix_keys",
    }  # fmt: skip
    assert {"med_reports"} <= {one.table for one in found if one.because is Because.PAYMENT}
    [charge] = [one for one in found if one.table == "charges"]
    assert charge.columns == ("payer",)
    assert charge.record["payer"] == msgspec.to_builtins(PAYER)
    assert "mch_" in charge.record["merchant_id"]


@pytest.mark.parametrize("limit", [1, 3, 128])
async def test_pages_of_any_size_find_the_same(records: Records, limit: int) -> None:
    whole = await records.found(PAYER.document)
    assert await records.found(PAYER.document, limit) == whole
    assert len({(one.table, one.key) for one in whole}) == len(whole)


async def test_who_is_a_merchant_is_found_by_what_the_merchant_has(records: Records) -> None:
    found = await records.found(DOCUMENT)
    owned = {one.table for one in found if one.because is Because.MERCHANT}
    assert owned >= {"accounts", "pix_keys", "charges", "receipts", "payouts", "webhook_endpoints"}
    assert {one.table for one in found if one.because is Because.DOCUMENT} == {"merchants"}
    assert {one.record["key"] for one in found if one.table == "pix_keys"} >= {OWN_KEY}


async def test_secrets_and_hashes_are_handed_out_to_nobody(records: Records) -> None:
    [hook] = [one for one in await records.found(DOCUMENT) if one.table == "webhook_endpoints"]
    assert {"secret", "previous_secret"} & hook.record.keys() == set()
    assert all(one not in str(hook) for one in SECRETS if one.startswith("whsec_"))


async def test_nobody_else_is_found(records: Records) -> None:
    assert await records.found("39053344705") == []
    payee = await records.found(PAYEE.document)
    assert "receipts" not in tables(payee)
    assert "payouts" in tables(payee)


async def test_what_may_go_goes_and_the_export_shows_what_stays(records: Records) -> None:
    await fetch(records.postgres, "UPDATE charges SET status = 'expired'")
    await fetch(records.postgres, "DELETE FROM event_sequence")
    await fetch(records.postgres, "DELETE FROM deliveries")
    await fetch(records.postgres, "DELETE FROM outbox WHERE work IS NULL")
    await fetch(records.postgres, "UPDATE accounts SET status = 'inactive'")
    before = await records.found(PAYER.document)
    ended = await records.erased(PAYER.document, ALL)

    after = await records.found(PAYER.document)
    assert ended.erased.keys() == {"charges", "events", "pix_keys"}
    assert sum(ended.erased.values()) == len(before) - len(after)
    assert {table: stay.count for table, stay in ended.stays.items()} == {
        table: sum(one.table == table for one in after) for table in tables(after)
    }
    assert "receipts" in tables(after), "the law keeps it"
    assert await records.found(PAYEE.document), "nobody else is touched"
    row = "SELECT person, walk, ended_at FROM erasures"
    assert await fetch(records.postgres, row) == [{"person": None, "walk": None, "ended_at": NOW}]


async def test_what_is_owed_or_young_or_open_stays(records: Records) -> None:
    before = await records.found(PAYER.document)
    ended = await records.erased(PAYER.document, NONE)
    assert ended.erased == {}
    assert await records.found(PAYER.document) == before


async def test_a_charge_that_was_paid_keeps_its_payer(records: Records) -> None:
    query = """
    UPDATE charges SET status = 'paid', paid_at = now(), end_to_end_id = 'E1' RETURNING id
    """
    assert await fetch(records.postgres, query)
    assert "charges" not in (await records.erased(PAYER.document, ALL)).erased


async def test_twice_is_once_and_two_at_once_are_one(records: Records) -> None:
    await fetch(records.postgres, "UPDATE charges SET status = 'expired'")
    begun = await records.begun(PAYER.document)
    assert await records.begun(PAYER.document) == begun
    assert await records.people.last_erasure(PAYER.document) == begun
    assert await records.people.last_erasure(PAYEE.document) is None

    walk = Walk(table=7)
    mentions = [one for one in await records.found(PAYER.document) if one.table == "charges"]
    once = await records.people.erase(begun, mentions, walk, ALL, NOW)
    assert once.erased == {"charges": 1}
    assert await records.people.erase(begun, mentions, walk, ALL, NOW) == once
    assert await records.people.find_erasure(begun.id) == once


async def test_it_is_on_the_audit_trail_and_nobody_is_named_there(records: Records) -> None:
    await fetch(records.postgres, "UPDATE charges SET status = 'expired'")
    ended = await records.erased(PAYER.document, ALL)
    query = "SELECT action, subject, note FROM audit_trail WHERE action LIKE 'person.%' ORDER BY id"
    lines = await fetch(records.postgres, query)
    assert [one["action"] for one in lines] == [
        "person.erasure_asked_for", "person.erased", "person.erasure_ended",
    ]  # fmt: skip
    assert {one["subject"] for one in lines} == {ended.id}
    assert PAYER.document not in str(lines)


_USER = """
INSERT INTO users (
    id, merchant_id, document_index, document, name, role, status, password_hash, recovery_codes,
    failures, created_at, updated_at, last_login_at
) VALUES ($1, NULL, $6, $2, $3, 'operator', $7, 'hash', '{}', 0, $4, $4, $5)
"""


LONG_AGO = NOW - timedelta(days=9999)


@pytest.mark.parametrize(
    ("login", "status", "goes"),
    [
        (None, "removed", True),
        (LONG_AGO, "removed", True),
        (NOW, "removed", False),
        (LONG_AGO, "active", False),
        (None, "locked", False),
    ],
)
async def test_a_user_who_was_removed_goes_when_the_trail_needs_nobody_by_that_id(
    records: Records, login: datetime | None, status: str, *, goes: bool
) -> None:
    seal = records.people._house.seal_text
    document, name = (
        one for one in SEALED if one.table == "users" and one.name in {"document", "name"}
    )
    sealed = seal("39053344705", document, "usr_1"), seal("Ana", name, "usr_1")
    index = None if status == "removed" else b"index"
    await fetch(records.postgres, _USER, "usr_1", *sealed, LONG_AGO, login, index, status)
    [found] = await records.found("39053344705")
    assert (found.table, found.record["name"]) == ("users", "Ana")
    assert {"password_hash", "totp_secret"} & found.record.keys() == set()

    limits = Limits(events_before=NOW, logins_before=NOW - timedelta(days=2000))
    ended = await records.erased("39053344705", limits)
    assert ended.erased == ({"users": 1} if goes else {})
    assert (await records.found("39053344705") == []) is goes

"""Lists, batches, cancelled charges and API keys on a real PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import (
    ApiKey,
    Charge,
    ChargeStatus,
    PayoutStage,
    ReceiptReason,
    Room,
)
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Differs, Fresh, Idempotency, Page, Replay, Running
from fluxiq.ports.api_keys import KeyOpening, KeyRotation
from fluxiq.ports.jobs import NewJob
from fluxiq.ports.payments import ChargeCancelling, ChargesWanted, NotPending, PayoutsWanted
from fluxiq.stores.api_keys import PostgresApiKeys
from fluxiq.stores.payments import PostgresPayments
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    account,
    at,
    charge,
    charge_opening,
    event,
    fetch,
    hold_settled,
    idempotency,
    merchant,
    new_id,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
    step,
)

OTHER = "mch_00000000000000000000000002"
OTHER_ACCOUNT = "acc_00000000000000000000000002"
ALL = Page(number=1, size=100)


class House:
    """A store, and the ports under test beside it."""

    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.payments = PostgresPayments(postgres, ISPB, keyring(ISPB), store)
        self.keys = PostgresApiKeys(postgres, ISPB, keyring(ISPB))

    async def charge(self, **said: Any) -> Charge:
        made = charge(**said)
        await self.store.open_charge(charge_opening(made))
        return made

    async def count(self, table: str, where: str = "true") -> int:
        [row] = await fetch(self.postgres, f"SELECT count(*) AS n FROM {table} WHERE {where}")
        found: int = row["n"]
        return found


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        await store.add_merchant(merchant(OTHER))
        other = account(OTHER_ACCOUNT, merchant_id=OTHER)
        await store.add_account(other, [], event("account.created", merchant_id=OTHER))
        yield House(store, postgres)


def ids(found: tuple[Sequence[Any], int]) -> list[str]:
    return [one.id for one in found[0]]


class TestLists:
    async def test_charges_come_newest_first_and_pages_do_not_overlap(self, house: House) -> None:
        made = [await house.charge(created_at=at(number)) for number in range(5)]
        made += [await house.charge(created_at=at(4)) for _ in range(2)]
        wanted = sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)

        pages = [
            await house.payments.list_charges(
                MERCHANT, ChargesWanted(), Page(number=number, size=3)
            )
            for number in (1, 2, 3, 4)
        ]
        assert [one for page in pages for one in ids(page)] == [one.id for one in wanted]
        assert [total for _, total in pages] == [7, 7, 7, 7]
        assert pages[0][0][0] == wanted[0]

    async def test_every_filter_of_charges_narrows(self, house: House) -> None:
        first = await house.charge(created_at=at(0))
        second = await house.charge(created_at=at(10), status=ChargeStatus.EXPIRED)
        theirs = charge(merchant_id=OTHER, account_id=OTHER_ACCOUNT)
        await house.store.open_charge(charge_opening(theirs))

        for wanted, found in (
            (ChargesWanted(), [second, first]),
            (ChargesWanted(status=ChargeStatus.EXPIRED), [second]),
            (ChargesWanted(account_id=ACCOUNT), [second, first]),
            (ChargesWanted(account_id=OTHER_ACCOUNT), []),
            (ChargesWanted(txid=first.txid), [first]),
            (ChargesWanted(txid=theirs.txid), []),
            (ChargesWanted(since=at(10)), [second]),
            (ChargesWanted(until=at(10)), [first]),
            (ChargesWanted(since=at(0), until=at(10), status=ChargeStatus.PENDING), [first]),
        ):
            listed = await house.payments.list_charges(MERCHANT, wanted, ALL)
            assert (ids(listed), listed[1]) == ([one.id for one in found], len(found)), wanted

    async def test_every_filter_of_payouts_narrows(self, house: House) -> None:
        first, second = payout(created_at=at(0)), payout(created_at=at(10))
        await house.payments.open_payouts([payout_opening(first), payout_opening(second)])
        await house.payments.settle_holds(
            [hold_settled(first), hold_settled(second, failure_code="insufficient_funds")]
        )

        held, failed = (PayoutStage.HELD, PayoutStage.SENT), (PayoutStage.FAILED,)
        for wanted, found in (
            (PayoutsWanted(), [second, first]),
            (PayoutsWanted(stages=held), [first]),
            (PayoutsWanted(stages=failed), [second]),
            (PayoutsWanted(account_id=OTHER_ACCOUNT), []),
            (PayoutsWanted(end_to_end_id=first.end_to_end_id), [first]),
            (PayoutsWanted(since=at(5), account_id=ACCOUNT), [second]),
        ):
            listed = await house.payments.list_payouts(MERCHANT, wanted, ALL)
            assert (ids(listed), listed[1]) == ([one.id for one in found], len(found)), wanted
        assert ids(await house.payments.list_payouts(OTHER, PayoutsWanted(), ALL)) == []

    async def test_payouts_without_an_end_come_with_what_the_gate_did_last(
        self, house: House
    ) -> None:
        silent, accepted, young, ended = made = [
            payout(created_at=at(seconds)) for seconds in (50, 10, 90, 20)
        ]
        await house.payments.open_payouts([payout_opening(one) for one in made])
        await house.payments.settle_holds([hold_settled(one) for one in made])
        stages = (PayoutStage.IN_DOUBT, PayoutStage.SENT, PayoutStage.SENT)
        said = ("send in_doubt", "send not_found", "send accepted")
        sent = [
            replace(one, stage=stage, updated_at=at(91))
            for one, stage in zip((silent, accepted, young), stages, strict=True)
        ]
        gates = [
            step(one.end_to_end_id, Room.GATE, 91, detail)
            for one, detail in zip(sent, said, strict=True)
        ]
        again = step(accepted.end_to_end_id, Room.GATE, 95, "ask accepted")
        await house.store.mark_sent(sent, [*gates, again])
        await house.store.archive_outcomes([outcome_archived(ended, PayoutStage.CONFIRMED)])

        found, total = await house.payments.payouts_in_doubt(at(60), ALL)
        assert [(one.id, one.stage, one.tried, one.answered) for one in found] == [
            (accepted.id, PayoutStage.SENT, "ask", "accepted"),
            (silent.id, PayoutStage.IN_DOUBT, "send", None),
        ]
        assert (found[0].amount, found[0].end_to_end_id) == (900, accepted.end_to_end_id)
        assert total == 2
        second = Page(number=2, size=1)
        assert ids(await house.payments.payouts_in_doubt(at(60), second)) == [silent.id]

    @pytest.mark.parametrize("table", ["charges", "payouts"])
    async def test_a_page_is_read_in_the_order_of_an_index(self, house: House, table: str) -> None:
        async def explain(connection: Connection) -> list[dict[str, Any]]:
            await connection.execute("SET LOCAL enable_seqscan = off")  # two rows are no table
            rows = await connection.fetch(
                f"""
                EXPLAIN SELECT * FROM {table} WHERE merchant_id = $1
                ORDER BY created_at DESC, id DESC LIMIT 20
                """,
                MERCHANT,
            )
            return [dict(row) for row in rows]

        plan = await house.postgres.transaction(explain)
        text = "\n".join(row["QUERY PLAN"] for row in plan)
        assert f"{table}_of_merchant" in text
        assert "Sort" not in text


class TestBatches:
    async def test_a_batch_is_written_and_settled_as_its_lines_would_be(self, house: House) -> None:
        openings = [payout_opening() for _ in range(300)]
        settled = [hold_settled(one.payout) for one in openings]

        assert await house.payments.open_payouts(openings) == [Fresh()] * 300
        assert len(await house.payments.settle_holds(settled)) == 300
        assert await house.count("payouts", "stage = 'held'") == 300
        assert await house.count("outbox", "work IS NOT NULL") == 300
        assert await house.count("events", "type = 'pix.payout.processing'") == 300
        assert await house.count("audit_trail", "action LIKE 'payout.%'") == 600

    async def test_of_equal_keys_in_a_batch_the_first_wins(self, house: House) -> None:
        first, again, other = (
            payout_opening(under=idempotency("k")),
            payout_opening(under=idempotency("k")),
            payout_opening(under=idempotency("k", b"another body")),
        )
        answers = await house.payments.open_payouts([first, again, other])
        assert answers == [Fresh(), Running(first.payout.id), Differs()]
        assert await house.count("payouts") == 1

    async def test_two_batches_with_the_same_lines_at_once_make_them_once(
        self, house: House
    ) -> None:
        answers: list[Any] = []

        async def send(lines: Sequence[Idempotency]) -> None:
            openings = [payout_opening(under=one) for one in lines]
            answers.extend(await house.payments.open_payouts(openings))

        lines = [idempotency(f"line {number}") for number in range(50)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, lines)
            nursery.start_soon(send, lines[::-1])
            nursery.start_soon(send, lines)
        assert sum(isinstance(one, Fresh) for one in answers) == 50
        assert await house.count("payouts") == 50

    async def test_what_became_of_many_keys_is_said_in_their_order(self, house: House) -> None:
        answered, running = idempotency("answered"), idempotency("running")
        openings = [payout_opening(under=answered), payout_opening(under=running)]
        await house.payments.open_payouts(openings)
        await house.payments.settle_holds([hold_settled(openings[0].payout, response=b"yes")])

        asked = [running, idempotency("free"), answered, idempotency("answered", b"else")]
        assert await house.payments.find_openings(MERCHANT, asked, at(5)) == [
            Running(openings[1].payout.id),
            None,
            Replay(refused=False, body=b"yes"),
            Differs(),
        ]
        assert await house.payments.find_openings(OTHER, asked, at(5)) == [None] * 4


def cancelling(made: Charge, under: Idempotency | None = None) -> ChargeCancelling:
    return ChargeCancelling(
        charge=charge(**{**_fields(made), "status": ChargeStatus.CANCELLED}),
        at=at(5),
        event=event("pix.charge.cancelled"),
        response=b"cancelled",
        idempotency=under,
    )


def _fields(made: Charge) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__struct_fields__}


class TestCancelling:
    async def test_what_is_left_to_be_done_is_enqueued_once_and_only_if_it_was_cancelled(
        self, house: House
    ) -> None:
        made = await house.charge()
        job = NewJob(
            id=new_id("job"),
            kind="charges.close_location",
            version=1,
            args={"txid": made.txid},
            created_at=at(0),
            run_at=at(0),
            priority=5,
            attempts_max=3,
            unique_key=made.id,
        )
        asked = replace(cancelling(made), jobs=(job,))
        assert await house.payments.cancel_charge(asked) == Fresh()
        assert await house.payments.cancel_charge(asked) == NotPending(ChargeStatus.CANCELLED)
        assert await house.count("jobs") == 1

        over = await house.charge(status=ChargeStatus.EXPIRED)
        other = replace(job, id=new_id("job"), unique_key=over.id)
        late = replace(cancelling(over), jobs=(other,))
        assert await house.payments.cancel_charge(late) == NotPending(ChargeStatus.EXPIRED)
        assert await house.count("jobs") == 1

    async def test_a_pending_charge_is_cancelled_told_and_audited(self, house: House) -> None:
        made = await house.charge()
        assert await house.payments.cancel_charge(cancelling(made)) == Fresh()
        found = await house.store.find_charge(made.id)
        assert found is not None
        assert found.status is ChargeStatus.CANCELLED
        assert await house.count("events", "type = 'pix.charge.cancelled'") == 1
        assert await house.count("audit_trail", "action = 'charge.cancelled'") == 1

    async def test_a_charge_that_was_paid_first_stays_paid(self, house: House) -> None:
        made = await house.charge()
        await house.store.archive_receipts([receipt_archived(receipt(made))])
        under = idempotency("k")
        answer = await house.payments.cancel_charge(cancelling(made, under))
        assert answer == NotPending(ChargeStatus.PAID)
        assert await house.count("events", "type = 'pix.charge.cancelled'") == 0
        assert await house.store.find_opening(MERCHANT, under, at(9)) is None

    async def test_a_payment_that_was_studied_before_the_charge_was_cancelled_is_studied_again(
        self, house: House
    ) -> None:
        made = await house.charge()
        await house.payments.cancel_charge(cancelling(made))
        with pytest.raises(Unavailable):
            await house.store.archive_receipts([receipt_archived(receipt(made))])
        late = receipt(made, reason=ReceiptReason.CHARGE_CANCELLED)
        await house.store.archive_receipts([receipt_archived(late)])
        found = await house.store.find_charge(made.id)
        assert found is not None
        assert found.status is ChargeStatus.CANCELLED

    async def test_twenty_at_once_cancel_once(self, house: House) -> None:
        made, answers = await house.charge(), []

        async def cancel() -> None:
            answers.append(await house.payments.cancel_charge(cancelling(made)))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(cancel)
        assert answers.count(Fresh()) == 1
        assert answers.count(NotPending(ChargeStatus.CANCELLED)) == 19
        assert await house.count("events", "type = 'pix.charge.cancelled'") == 1

    async def test_a_key_that_stands_for_something_else_cancels_nothing(self, house: House) -> None:
        made = await house.charge()
        await house.store.open_charge(charge_opening(under=idempotency("k", b"a charge")))
        answer = await house.payments.cancel_charge(cancelling(made, idempotency("k", b"cancel")))
        assert answer == Differs()
        found = await house.store.find_charge(made.id)
        assert found is not None
        assert found.status is ChargeStatus.PENDING


def api_key(**said: Any) -> ApiKey:
    key_id = new_id("key")
    fields: dict[str, Any] = {
        "id": key_id,
        "merchant_id": MERCHANT,
        "name": "loja",
        "key_hash": key_id.encode(),
        "permissions": ("pix:read",),
        "created_at": at(0),
        "last_characters": "aB3d",
    }
    return ApiKey(**{**fields, **said})


def opened(key: ApiKey, under: Idempotency | None = None) -> KeyOpening:
    return KeyOpening(key=key, actor="key_maker", response=b"without text", idempotency=under)


class TestApiKeys:
    async def test_a_key_is_found_as_it_was_made(self, house: House) -> None:
        key = api_key(expires_at=at(60))
        assert await house.keys.open_key(opened(key)) == Fresh()
        assert await house.store.find_api_key(key.key_hash) == key
        assert (
            await house.count("audit_trail", "actor = 'key_maker' AND action = 'api_key.created'")
            == 1
        )

    async def test_the_same_request_again_makes_no_second_key(self, house: House) -> None:
        await house.keys.open_key(opened(api_key(), idempotency("k")))
        again = await house.keys.open_key(opened(api_key(), idempotency("k")))
        assert again == Replay(refused=False, body=b"without text")
        assert await house.count("api_keys") == 1

    async def test_keys_are_listed_newest_first_of_one_merchant(self, house: House) -> None:
        old, new = api_key(), api_key(created_at=at(1))
        theirs = api_key(merchant_id=OTHER)
        for key in (old, new, theirs):
            await house.keys.open_key(opened(key))
        listed, total = await house.keys.list_keys(MERCHANT, ALL)
        assert (listed, total) == ([new, old], 2)

    async def test_a_key_is_revoked_once_by_its_merchant(self, house: House) -> None:
        key = api_key()
        await house.keys.open_key(opened(key))
        assert not await house.keys.revoke_key(OTHER, key.id, "key_other", at(1))
        assert await house.keys.revoke_key(MERCHANT, key.id, "key_maker", at(2))
        assert await house.keys.revoke_key(MERCHANT, key.id, "key_maker", at(3))
        assert not await house.keys.revoke_key(MERCHANT, "key_nothing", "key_maker", at(3))

        found = await house.store.find_api_key(key.key_hash)
        assert found is not None
        assert found.revoked_at == at(2)
        assert await house.count("audit_trail", "action = 'api_key.revoked'") == 1

    async def test_everything_about_a_key_is_kept(self, house: House) -> None:
        key = api_key(is_test=True, networks=("203.0.113.0/24", "::/0"), owner_id="usr_1")
        await house.keys.open_key(opened(key))
        assert await house.store.find_api_key(key.key_hash) == key
        assert await house.keys.find_key(MERCHANT, key.id) == key
        assert await house.keys.find_key(OTHER, key.id) is None

    async def test_a_key_takes_the_place_of_another_one_on_paper(self, house: House) -> None:
        old, new = api_key(), api_key(created_at=at(10))
        await house.keys.open_key(opened(old))
        wanted = KeyRotation(opening=opened(new), replaces=old.id, until=at(70))
        assert await house.keys.rotate_key(wanted) == Fresh()

        ended = replace(old, replaced_by=new.id, expires_at=at(70))
        assert await house.keys.find_key(MERCHANT, old.id) == ended
        assert await house.keys.find_key(MERCHANT, new.id) == new
        lines = "action = 'api_key.replaced' AND actor = 'key_maker' AND before <> digest"
        assert await house.count("audit_trail", lines) == 1

    async def test_of_twenty_rotations_at_once_one_happens(self, house: House) -> None:
        old, refused = api_key(), []
        await house.keys.open_key(opened(old))

        async def rotate() -> None:
            new = api_key(created_at=at(10))
            try:
                await house.keys.rotate_key(
                    KeyRotation(opening=opened(new), replaces=old.id, until=at(10))
                )
            except Refused as error:
                refused.append(error.code)

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(rotate)
        assert refused == ["api_key_over"] * 19
        assert await house.count("api_keys") == 2
        assert await house.count("api_keys", "revoked_at IS NOT NULL") == 1

    async def test_a_rotation_that_was_refused_used_up_no_idempotency_key(
        self, house: House
    ) -> None:
        new = api_key(created_at=at(10))
        wanted = KeyRotation(opening=opened(new, idempotency("k")), replaces="key_0", until=at(70))
        with pytest.raises(Refused):
            await house.keys.rotate_key(wanted)
        assert await house.count("idempotency_keys") == 0
        assert await house.count("api_keys") == 0

    async def test_dead_keys_are_those_revoked_and_those_over(self, house: House) -> None:
        lives, over, revoked = api_key(), api_key(expires_at=at(5)), api_key()
        for key in (lives, over, revoked):
            await house.keys.open_key(opened(key))
        await house.keys.revoke_key(MERCHANT, revoked.id, "key_maker", at(1))
        asked = [lives.id, over.id, revoked.id, "key_nothing"]
        assert await house.keys.dead_keys(asked, at(4)) == {revoked.id}
        assert await house.keys.dead_keys(asked, at(5)) == {over.id, revoked.id}

    async def test_the_last_use_is_the_latest_that_was_noted(self, house: House) -> None:
        key = api_key()
        await house.keys.open_key(opened(key))
        assert await house.keys.last_uses([key.id]) == {}
        for minute in (1, 3, 2):
            await house.keys.note_uses({key.id: at(minute * 60), "key_gone": at(0)})
        assert await house.keys.last_uses([key.id, "key_gone"]) == {key.id: at(180)}

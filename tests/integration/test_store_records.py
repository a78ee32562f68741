"""The records of an institution on a real PostgreSQL: each method, twice, and all at once."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import ApiKey, ChargeStatus, PayoutStage, Receipt, ReceiptReason, Room
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Differs, Fresh, Opening, Page, Replay, Running
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    account,
    add_endpoint,
    at,
    charge,
    charge_opening,
    endpoint,
    event,
    fetch,
    hold_settled,
    idempotency,
    merchant,
    new_end_to_end_id,
    notice_recorded,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    pix_key,
    receipt,
    receipt_archived,
    step,
    webhooks_of,
)

T = TypeVar("T")
Opened = tuple[PostgresStore, Postgres]


@pytest.fixture
async def opened(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Opened]:
    async with open_store(asyncio_host, institution_database) as both:
        yield both


@pytest.fixture
def store(opened: Opened) -> PostgresStore:
    return opened[0]


@pytest.fixture
def postgres(opened: Opened) -> Postgres:
    return opened[1]


def some(value: T | None) -> T:
    assert value is not None
    return value


async def count(postgres: Postgres, table: str, where: str = "true") -> int:
    rows = await fetch(postgres, f"SELECT count(*) AS rows FROM {table} WHERE {where}")
    found: int = rows[0]["rows"]
    return found


async def event_types(postgres: Postgres) -> list[str]:
    rows = await fetch(postgres, "SELECT type FROM events ORDER BY id")
    return [row["type"] for row in rows if row["type"] != "account.created"]


async def all_at_once(call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """What `call` answers to each item, when everybody calls at the same time."""
    answers: dict[int, Any] = {}

    async def one(index: int, item: Any) -> None:
        answers[index] = await call(item)

    async with trio.open_nursery() as nursery:
        for index, item in enumerate(items):
            nursery.start_soon(one, index, item)
    return [answers[index] for index in range(len(items))]


def kinds(answers: Sequence[Opening]) -> dict[str, int]:
    found: dict[str, int] = {}
    for answer in answers:
        found[type(answer).__name__] = found.get(type(answer).__name__, 0) + 1
    return found


# Who


async def test_merchants_keys_and_accounts_come_back_as_they_went_in(store: PostgresStore) -> None:
    key = ApiKey(
        id="key_1",
        merchant_id=MERCHANT,
        name="first",
        key_hash=b"\x00\xff",
        permissions=("pix:*", "accounts:read"),
        created_at=NOW,
    )
    second = account("acc_00000000000000000000000002", created_at=at(1))
    await store.add_api_key(key)
    await store.add_account(second, [pix_key("b@example.com", second.id)], event("account.created"))

    assert await store.find_merchant(MERCHANT) == merchant()
    assert await store.find_merchant("mch_other") is None
    assert await store.find_api_key(b"\x00\xff") == key
    assert await store.find_api_key(b"other") is None
    assert await store.find_account(second.id) == second
    assert await store.find_account("acc_other") is None
    assert await store.pix_keys_of(second.id) == [pix_key("b@example.com", second.id)]
    assert await store.find_pix_key("b@example.com") == pix_key("b@example.com", second.id)
    assert await store.find_pix_key("c@example.com") is None


async def test_adding_twice_is_adding_once(store: PostgresStore, postgres: Postgres) -> None:
    key = ApiKey(
        id="key_1", merchant_id=MERCHANT, name="n", key_hash=b"h", permissions=(), created_at=NOW
    )
    hook = endpoint()
    for _ in range(2):
        await store.add_merchant(merchant())
        await store.add_api_key(key)
        await store.add_account(account(), [], event("account.created"))
        await add_endpoint(store, hook)

    assert await count(postgres, "events") == 1
    assert await count(postgres, "audit_trail") == 4
    assert await webhooks_of(store).find_endpoint(hook.id) == hook


async def test_another_account_under_the_same_id_is_refused(store: PostgresStore) -> None:
    with pytest.raises(Refused) as refused:
        await store.add_account(account(name="Another"), [], event("account.created"))

    assert refused.value.code == "account_exists"


async def test_a_pix_key_that_is_taken_refuses_the_whole_account(
    store: PostgresStore, postgres: Postgres
) -> None:
    first, second = account("acc_a"), account("acc_b")
    await store.add_account(first, [pix_key("a@example.com", "acc_a")], event("account.created"))

    keys = [pix_key("b@example.com", "acc_b"), pix_key("a@example.com", "acc_b")]
    with pytest.raises(Refused) as refused:
        await store.add_account(second, keys, event("account.created"))

    assert refused.value.code == "pix_key_taken"
    assert await store.find_account("acc_b") is None
    assert await count(postgres, "pix_keys") == 1
    assert await count(postgres, "events", "type = 'account.created'") == 2


async def test_accounts_are_listed_in_pages_oldest_first(store: PostgresStore) -> None:
    for number in range(1, 5):
        made = account(f"acc_{number}", created_at=at(number))
        await store.add_account(made, [], event("account.created"))

    page, total = await store.list_accounts(MERCHANT, Page(number=2, size=2))
    assert ([one.id for one in page], total) == (["acc_2", "acc_3"], 5)
    assert await store.list_accounts(MERCHANT, Page(number=9, size=2)) == ([], 5)
    assert await store.list_accounts("mch_other", Page()) == ([], 0)


# Charges


async def test_a_charge_comes_back_as_it_went_in_with_event_and_audit(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = charge(payer={"document": "12345678909", "name": "Ana"})
    made = msgspec.convert(msgspec.to_builtins(made), type(made))

    assert await store.open_charge(charge_opening(made)) == Fresh()
    assert await store.find_charge(made.id) == made
    assert await event_types(postgres) == ["pix.charge.created"]
    assert await count(postgres, "audit_trail", "action = 'charge.created'") == 1
    assert await store.find_charge("chg_other") is None


async def test_of_50_equal_charges_at_once_one_is_made_and_49_are_replayed(
    store: PostgresStore, postgres: Postgres
) -> None:
    under = idempotency()
    openings = [charge_opening(under=under, response=b"the answer") for _ in range(50)]

    answers = await all_at_once(store.open_charge, openings)

    assert kinds(answers) == {"Fresh": 1, "Replay": 49}
    assert {answer for answer in answers if isinstance(answer, Replay)} == {
        Replay(refused=False, body=b"the answer")
    }
    assert await count(postgres, "charges") == 1
    assert await event_types(postgres) == ["pix.charge.created"]


async def test_the_same_key_with_another_body_differs_and_of_another_merchant_does_not(
    store: PostgresStore,
) -> None:
    other = "mch_00000000000000000000000002"
    await store.add_merchant(merchant(other))
    await store.open_charge(charge_opening(under=idempotency("k", b"one")))

    again = charge_opening(under=idempotency("k", b"two"))
    assert await store.open_charge(again) == Differs()
    assert await store.find_charge(again.charge.id) is None

    theirs = charge_opening(charge(merchant_id=other), under=idempotency("k", b"two"))
    assert isinstance(await store.open_charge(theirs), Fresh)


async def test_a_key_is_free_again_after_thirty_days(store: PostgresStore) -> None:
    under = idempotency("k")
    await store.open_charge(charge_opening(under=under))
    day = 24 * 3600

    early = charge_opening(charge(created_at=at(30 * day - 1)), under=under)
    assert isinstance(await store.open_charge(early), Replay)
    late = charge_opening(charge(created_at=at(30 * day)), under=under, response=b"new")
    assert isinstance(await store.open_charge(late), Fresh)
    assert await store.open_charge(charge_opening(under=under)) == Replay(False, b"new")


async def test_a_charge_that_cannot_be_stored_fails_alone(store: PostgresStore) -> None:
    good = [charge_opening() for _ in range(10)]
    bad = charge_opening(charge(txid=good[0].charge.txid + "x", amount=-1))
    failures: list[Exception] = []

    async def call(opening: Any) -> Any:
        try:
            return await store.open_charge(opening)
        except Exception as error:  # noqa: BLE001 - whatever the constraint raises
            failures.append(error)
            return None

    answers = await all_at_once(call, [*good[:5], bad, *good[5:]])

    assert kinds(answers) == {"Fresh": 10, "NoneType": 1}
    assert "charges_amount_check" in str(failures[0])
    assert len(failures) == 1


async def test_overdue_charges_expire_once_and_paid_ones_never(
    store: PostgresStore, postgres: Postgres
) -> None:
    overdue = [charge(expires_at=at(number)) for number in range(3)]
    paid, later = charge(expires_at=at(0)), charge(expires_at=at(100))
    for made in [*overdue, paid, later]:
        await store.open_charge(charge_opening(made))
    found = await store.overdue_charges(at(50), 10)
    assert {one.id for one in found} == {one.id for one in [*overdue, paid]}
    assert [one.id for one in await store.overdue_charges(at(50), 1)] == [found[0].id]

    await store.archive_receipts([receipt_archived(receipt(paid))])
    for _ in range(2):
        await store.archive_expiries([(one, event("pix.charge.expired")) for one in found])

    statuses = [some(await store.find_charge(one.id)).status for one in [*overdue, paid, later]]
    assert statuses == ["expired"] * 3 + ["paid", "pending"]
    assert (await event_types(postgres)).count("pix.charge.expired") == 3
    assert await store.overdue_charges(at(50), 10) == []


# The visitors' book


async def test_a_providers_event_is_written_once_however_often_it_is_told(
    store: PostgresStore, postgres: Postgres
) -> None:
    told = [[notice_recorded(event_id="E1"), notice_recorded(event_id=f"E{n}")] for n in range(50)]

    answers = await all_at_once(store.record_notices, told)

    # "E1" is the first of every pair, and the second of one.
    assert sum(answer[0] for answer in answers) + answers[1][1] == 1
    assert sum(answer[1] for answer in answers) == 49 + answers[1][1]
    assert await count(postgres, "inbox") == 50
    assert await count(postgres, "outbox", "work IS NOT NULL") == 50
    assert await store.record_notices([]) == []


async def test_providers_may_use_the_same_event_id(store: PostgresStore) -> None:
    one = notice_recorded(event_id="E1")
    other = msgspec.structs.replace(
        notice_recorded(event_id="E1"),
        entry=msgspec.structs.replace(notice_recorded(event_id="E1").entry, provider="other"),
    )

    assert await store.record_notices([one, other, one]) == [True, True, False]


async def test_the_study_gets_charge_owners_and_receipt_of_each_notice(
    store: PostgresStore,
) -> None:
    second = account("acc_b")
    await store.add_account(second, [pix_key("b@example.com", "acc_b")], event("account.created"))
    made = charge()
    await store.open_charge(charge_opening(made))
    seen = receipt()
    await store.archive_receipts([receipt_archived(seen)])

    entries = [
        notice_recorded(txid=made.txid, pix_key="b@example.com").entry,
        notice_recorded(end_to_end_id=seen.end_to_end_id).entry,
        notice_recorded(txid="nobody's", pix_key="nobody@example.com").entry,
    ]
    charged, again, unknown = await store.receipt_contexts(entries)

    assert (charged.charge, charged.charge_owner) == (made, account())
    assert (charged.key_owner, charged.receipt) == (second, None)
    assert again.receipt == seen
    assert (unknown.charge, unknown.key_owner, unknown.charge_owner) == (None, None, None)


# Receipts


async def test_a_receipt_pays_its_charge_and_leaves_everything_in_one_transaction(
    store: PostgresStore, postgres: Postgres
) -> None:
    made, noticed = charge(), notice_recorded()
    await store.open_charge(charge_opening(made))
    await store.record_notices([noticed])
    hook = endpoint("pix.charge.paid")
    await add_endpoint(store, hook)
    arrived = receipt(made)

    archived = await store.archive_receipts([receipt_archived(arrived, noticed.entry.id)])

    assert archived.endpoint_ids == (hook.id,)
    found = await store.find_charge(made.id)
    assert found == msgspec.structs.replace(
        made, status=ChargeStatus.PAID, paid_at=NOW, end_to_end_id=arrived.end_to_end_id
    )
    assert await store.payment_owner(arrived.end_to_end_id) == MERCHANT
    assert [one.room for one in await store.walk(arrived.end_to_end_id)] == [Room.ARCHIVE]
    assert await count(postgres, "inbox", "done_at IS NULL") == 0
    assert await count(postgres, "outbox", "work IS NOT NULL") == 0
    assert await count(postgres, "audit_trail", "action = 'receipt.archived'") == 1
    assert await event_types(postgres) == ["pix.charge.created", "pix.charge.paid"]


async def test_the_same_money_is_archived_once_from_any_number_of_workers(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = charge()
    await store.open_charge(charge_opening(made))
    await add_endpoint(store, endpoint())
    end_to_end_id = new_end_to_end_id()
    batches = [
        [receipt_archived(receipt(made, end_to_end_id=end_to_end_id)) for _ in range(2)]
        for _ in range(20)
    ]

    archived = await all_at_once(store.archive_receipts, batches)

    assert sum(len(one.endpoint_ids) for one in archived) == 1
    assert await count(postgres, "receipts") == 1
    assert (await event_types(postgres)).count("pix.charge.paid") == 1


async def test_of_ten_payments_for_one_charge_one_pays_it_and_nine_are_to_be_studied_again(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = charge()
    await store.open_charge(charge_opening(made))
    arrived = [receipt(made) for _ in range(10)]
    refused = 0

    async def archive(one: Receipt) -> None:
        nonlocal refused
        try:
            await store.archive_receipts([receipt_archived(one)])
        except Unavailable:
            refused += 1

    await all_at_once(archive, arrived)

    assert refused == 9
    rows = await fetch(postgres, "SELECT reason FROM receipts")
    assert rows == [{"reason": "pays_charge"}]
    assert (await event_types(postgres)).count("pix.charge.paid") == 1
    paid_by = some(await store.find_charge(made.id)).end_to_end_id
    assert paid_by in {one.end_to_end_id for one in arrived}


async def test_money_for_a_charge_that_expired_meanwhile_is_to_be_studied_again(
    store: PostgresStore, postgres: Postgres
) -> None:
    made, noticed = charge(), notice_recorded()
    await store.open_charge(charge_opening(made))
    await store.record_notices([noticed])
    await store.archive_expiries([(made, event("pix.charge.expired"))])

    with pytest.raises(Unavailable, match="changed"):
        await store.archive_receipts([receipt_archived(receipt(made), noticed.entry.id)])

    assert await count(postgres, "receipts") == 0
    assert await count(postgres, "inbox", "done_at IS NULL") == 1
    assert "pix.charge.paid" not in await event_types(postgres)


async def test_a_duplicate_only_closes_the_visitors_book(
    store: PostgresStore, postgres: Postgres
) -> None:
    noticed = notice_recorded()
    await store.record_notices([noticed])

    await store.archive_receipts([receipt_archived(None, noticed.entry.id)])

    assert await count(postgres, "inbox", "done_at IS NOT NULL") == 1
    assert await count(postgres, "outbox", "work IS NOT NULL") == 0
    assert await count(postgres, "receipts") == 0
    assert await event_types(postgres) == []


async def test_money_for_nobody_is_kept_without_account_and_owner(store: PostgresStore) -> None:
    lost = receipt(reason=ReceiptReason.UNIDENTIFIED, account_id=None, merchant_id=None)
    filed = msgspec.structs.replace(receipt_archived(lost), event=None)

    await store.archive_receipts([filed])

    [context] = await store.receipt_contexts(
        [notice_recorded(end_to_end_id=lost.end_to_end_id).entry]
    )
    assert context.receipt == lost
    assert await store.payment_owner(lost.end_to_end_id) is None


# Payouts


async def test_of_50_identical_payouts_at_once_one_is_fresh(
    store: PostgresStore, postgres: Postgres
) -> None:
    under = idempotency()
    opening = payout_opening(under=under)

    answers = await all_at_once(store.open_payout, [opening] * 50)

    assert kinds(answers) == {"Fresh": 1, "Running": 49}
    assert Running(opening.payout.id) in answers
    assert await count(postgres, "payouts") == 1
    assert await store.find_payout(opening.payout.id) == opening.payout


async def test_two_stores_at_once_make_one_payout_of_a_key(
    postgres: Postgres,
) -> None:
    stores = [PostgresStore(postgres, ISPB, keyring(ISPB)) for _ in range(8)]
    under = [idempotency() for _ in range(20)]
    wanted = [(store, one) for store in stores for one in under]

    answers = await all_at_once(
        lambda item: item[0].open_payout(payout_opening(under=item[1])), wanted
    )

    assert kinds(answers) == {"Fresh": 20, "Running": 140}
    assert await count(postgres, "payouts") == 20


async def test_a_key_runs_until_the_hold_and_then_replays_its_answer(store: PostgresStore) -> None:
    opening = payout_opening(under=idempotency("k"))
    again = payout_opening(under=idempotency("k"))
    await store.open_payout(opening)
    assert await store.open_payout(again) == Running(opening.payout.id)

    await store.settle_hold(hold_settled(opening.payout, response=b"accepted"))

    assert await store.open_payout(again) == Replay(refused=False, body=b"accepted")
    differs = payout_opening(under=idempotency("k", b"other"))
    assert await store.open_payout(differs) == Differs()


async def test_what_became_of_a_key_can_be_asked_without_using_it(store: PostgresStore) -> None:
    opening = payout_opening(under=idempotency("k"))
    merchant_id, made = opening.payout.merchant_id, opening.payout.created_at
    assert await store.find_opening(merchant_id, idempotency("k"), made) is None

    await store.open_payout(opening)
    running = await store.find_opening(merchant_id, idempotency("k"), made)
    await store.settle_hold(hold_settled(opening.payout, response=b"accepted"))
    answered = await store.find_opening(merchant_id, idempotency("k"), made)
    differs = await store.find_opening(merchant_id, idempotency("k", b"other"), made)
    expired = await store.find_opening(merchant_id, idempotency("k"), made + timedelta(days=31))

    assert running == Running(opening.payout.id)
    assert answered == Replay(refused=False, body=b"accepted")
    assert differs == Differs()
    assert expired is None


async def test_a_refused_hold_fails_the_payout_and_replays_the_refusal(
    store: PostgresStore, postgres: Postgres
) -> None:
    opening = payout_opening(under=idempotency("k"))
    await store.open_payout(opening)

    await store.settle_hold(
        hold_settled(opening.payout, failure_code="insufficient_funds", response=b"no")
    )

    found = some(await store.find_payout(opening.payout.id))
    assert (found.stage, found.failure_code) == (PayoutStage.FAILED, "insufficient_funds")
    assert found.updated_at == at(1)
    again = payout_opening(under=idempotency("k"))
    assert await store.open_payout(again) == Replay(refused=True, body=b"no")
    assert await count(postgres, "outbox", "work IS NOT NULL") == 0
    assert await event_types(postgres) == ["pix.payout.failed"]


async def test_a_hold_is_settled_once_and_the_first_answer_stands(
    store: PostgresStore, postgres: Postgres
) -> None:
    opening = payout_opening(under=idempotency("k"))
    await store.open_payout(opening)
    await add_endpoint(store, endpoint())
    settled = [hold_settled(opening.payout, response=b"%d" % n) for n in range(20)]

    archived = await all_at_once(store.settle_hold, settled)

    assert sum(len(one.endpoint_ids) for one in archived) == 1
    assert some(await store.find_payout(opening.payout.id)).stage is PayoutStage.HELD
    assert await count(postgres, "outbox", f"work = '{opening.payout.id}'") == 1
    assert await event_types(postgres) == ["pix.payout.processing"]
    late = hold_settled(opening.payout, failure_code="insufficient_funds", response=b"no")
    assert (await store.settle_hold(late)).endpoint_ids == ()
    assert some(await store.find_payout(opening.payout.id)).stage is PayoutStage.HELD
    replayed = await store.open_payout(payout_opening(under=idempotency("k")))
    assert isinstance(replayed, Replay)
    assert not replayed.refused


async def held(store: PostgresStore) -> Any:
    made = payout()
    await store.open_payout(payout_opening(made))
    await store.settle_hold(hold_settled(made))
    return await store.find_payout(made.id)


async def test_a_sent_payout_is_marked_and_its_order_leaves_the_outbox(
    store: PostgresStore, postgres: Postgres
) -> None:
    sent, doubted, stayed = [await held(store) for _ in range(3)]
    marked = [
        msgspec.structs.replace(sent, stage=PayoutStage.SENT, updated_at=at(3)),
        msgspec.structs.replace(doubted, stage=PayoutStage.IN_DOUBT, updated_at=at(4)),
        msgspec.structs.replace(stayed, updated_at=at(5)),
    ]

    await store.mark_sent(marked, [step(one.end_to_end_id, Room.GATE, 3) for one in marked])

    found = await store.payouts([one.end_to_end_id for one in marked] + ["E_other"])
    assert found == {
        sent.end_to_end_id: marked[0],
        doubted.end_to_end_id: marked[1],
        stayed.end_to_end_id: stayed,
    }
    owed = await fetch(postgres, "SELECT work FROM outbox WHERE work IS NOT NULL")
    assert owed == [{"work": stayed.id}], "an order that did not leave is still owed"
    for one in marked:
        assert (await store.walk(one.end_to_end_id))[-1].room is Room.GATE


async def test_marking_never_overwrites_an_end(store: PostgresStore) -> None:
    made = await held(store)
    await store.archive_outcomes([outcome_archived(made, PayoutStage.CONFIRMED)])

    late = msgspec.structs.replace(made, stage=PayoutStage.IN_DOUBT, updated_at=at(9))
    await store.mark_sent([late], [])

    found = some(await store.find_payout(made.id))
    assert (found.stage, found.updated_at) == (PayoutStage.CONFIRMED, at(5))


async def test_an_outcome_ends_the_payout_and_closes_what_announced_it(
    store: PostgresStore, postgres: Postgres
) -> None:
    made, noticed = await held(store), notice_recorded()
    await store.record_notices([noticed])
    hook = endpoint("pix.payout.*")
    await add_endpoint(store, hook)

    archived = await store.archive_outcomes(
        [outcome_archived(made, PayoutStage.FAILED, noticed.entry.id)]
    )

    assert archived.endpoint_ids == (hook.id,)
    assert await store.find_payout(made.id) == msgspec.structs.replace(
        made,
        stage=PayoutStage.FAILED,
        updated_at=at(5),
        failure_code="account_blocked",
        reason_code="AC06",
    )
    assert await count(postgres, "outbox", "work IS NOT NULL") == 0
    assert await count(postgres, "inbox", "done_at IS NULL") == 0
    assert await count(postgres, "audit_trail", "action = 'payout.failed'") == 1


async def test_of_two_contradicting_outcomes_at_once_the_first_stands(
    store: PostgresStore, postgres: Postgres
) -> None:
    made = await held(store)
    ends = [PayoutStage.CONFIRMED, PayoutStage.FAILED] * 10

    await all_at_once(store.archive_outcomes, [[outcome_archived(made, stage)] for stage in ends])

    stage = some(await store.find_payout(made.id)).stage
    assert stage in {PayoutStage.CONFIRMED, PayoutStage.FAILED}
    assert await event_types(postgres) == ["pix.payout.processing", f"pix.payout.{stage}"]
    assert await count(postgres, "audit_trail", "action = 'outcome.ignored'") == 19


async def test_an_outcome_cannot_end_a_payout_that_was_never_held(store: PostgresStore) -> None:
    made = payout()
    await store.open_payout(payout_opening(made))

    await store.archive_outcomes([outcome_archived(made, PayoutStage.CONFIRMED)])

    assert await store.find_payout(made.id) == made


async def test_a_notice_that_changes_nothing_leaves_its_note_in_the_audit_trail(
    store: PostgresStore, postgres: Postgres
) -> None:
    noticed = notice_recorded()
    await store.record_notices([noticed])
    nothing = msgspec.structs.replace(
        outcome_archived(payout(), PayoutStage.CONFIRMED, noticed.entry.id),
        outcome=None,
        event=None,
        steps=(),
        note="unknown_end_to_end_id",
    )

    await store.archive_outcomes([nothing])

    lines = await fetch(
        postgres, "SELECT subject, note FROM audit_trail WHERE action = 'outcome.ignored'"
    )
    assert lines == [{"subject": noticed.entry.id, "note": "unknown_end_to_end_id"}]
    assert await count(postgres, "inbox", "done_at IS NULL") == 0


async def test_what_lies_between_two_rooms_is_found_by_its_age(store: PostgresStore) -> None:
    unheld, fresh = payout(), payout(created_at=at(60), updated_at=at(60))
    await store.open_payout(payout_opening(unheld))
    await store.open_payout(payout_opening(fresh))
    sent = await held(store)
    marked = msgspec.structs.replace(sent, stage=PayoutStage.SENT, updated_at=at(3))
    await store.mark_sent([marked], [])

    assert await store.unheld_payouts(at(30), 10) == [unheld]
    assert await store.unheld_payouts(at(90), 1) == [unheld]
    assert await store.unheld_payouts(at(90), 10) == [unheld, fresh]
    assert await store.unanswered_payouts(at(3), 10) == []
    assert await store.unanswered_payouts(at(4), 10) == [marked]

    asked = msgspec.structs.replace(marked, updated_at=at(20))
    await store.mark_sent([asked], [])
    assert await store.unanswered_payouts(at(4), 10) == []


# The walk


async def test_steps_come_back_in_order_of_entry_and_each_once(store: PostgresStore) -> None:
    walked = [
        step("E1", Room.DOOR, 0),
        step("E1", Room.VISITORS_BOOK, 0, "evt_1"),
        step("E1", Room.COURIER, 2, "dlv_1"),
        step("E1", Room.COURIER, 2, "dlv_2"),
    ]
    await store.record_steps([walked[2], walked[3]])
    await store.record_steps([walked[0], walked[1], walked[1]])
    await store.record_steps(walked)

    assert await store.walk("E1") == walked
    assert await store.walk("E2") == []
    await store.record_steps([])


async def test_a_payment_belongs_to_its_merchant_in_both_directions(store: PostgresStore) -> None:
    out, arrived = payout(), receipt()
    await store.open_payout(payout_opening(out))
    await store.archive_receipts([receipt_archived(arrived)])

    assert await store.payment_owner(out.end_to_end_id) == MERCHANT
    assert await store.payment_owner(arrived.end_to_end_id) == MERCHANT
    assert await store.payment_owner("E_other") is None
    assert some(await store.find_account(ACCOUNT)).merchant_id == MERCHANT

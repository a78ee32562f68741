"""What must not be is found, and named with its numbers."""

import pytest

from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.verify import verify_ledger
from tests.support.ledger_books import CUSTOMER, SETTLEMENT, Books, packed
from tests.support.ledger_histories import LEDGER, linked, move, post

S = TransferStatus


@pytest.fixture
async def used(submitting: Books) -> Books:
    """Batches of TigerBeetle and of the stand-in, one of them without an answer."""
    fund, hold = move(10, SETTLEMENT, CUSTOMER, 500), move(11, CUSTOMER, SETTLEMENT, 50, flags=2)
    await submitting.send(fund, hold, move(12, CUSTOMER, SETTLEMENT, 9999))
    await submitting.send(*linked(post(13, 11, 20), move(14, CUSTOMER, SETTLEMENT, 7)))
    await submitting.seal(move(15, CUSTOMER, SETTLEMENT, 5))
    await submitting.catch_up()
    await submitting.turn_to(Mode.STANDIN)
    await submitting.stand_in(move(16, CUSTOMER, SETTLEMENT, 8), move(17, CUSTOMER, 1, 9999))
    return submitting


async def test_nothing_is_found_in_books_that_are_in_order(used: Books) -> None:
    verdict = await verify_ledger(used.pg, LEDGER, deep=True)

    assert verdict.findings == ()
    assert (verdict.rows, verdict.unanswered, verdict.behind) == (4, 1, 0)
    assert (verdict.transfers, verdict.records) == (5, 8)


async def test_a_quick_look_does_not_read_the_journal_again(used: Books) -> None:
    await used.execute("DELETE FROM ledger_transfers WHERE amount = 7")

    verdict = await verify_ledger(used.pg, LEDGER)

    assert (verdict.findings, verdict.records) == ((), 0)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            "UPDATE ledger_accounts SET debits_posted = debits_posted + 1 WHERE flags = 0",
            {
                "I1: debits posted 536, credits posted 535, debits pending 0, credits pending 0",
                "mirror: account ...01 counts 0 501 0 35, its transfers 0 500 0 35",
            },
        ),
        (
            "UPDATE ledger_accounts SET ledger = 77 WHERE flags = 4",
            {"I6: account ...04 is of ledger 77, not 16909060"},
        ),
        (
            "UPDATE ledger_transfers SET ledger = 77 WHERE amount = 7",
            {"I6: transfer ...0e is of ledger 77"},
        ),
        (
            "UPDATE ledger_transfers SET amount = 6 WHERE amount = 7",
            {
                "mirror: account ...01 counts 0 500 0 35, its transfers 0 500 0 34",
                "mirror: account ...02 counts 0 35 0 500, its transfers 0 34 0 500",
                "mirror: transfer ...0e (batch 2, place 1) is another one on the books",
            },
        ),
        (
            "DELETE FROM ledger_transfers WHERE amount = 7",
            {
                "mirror: account ...01 counts 0 500 0 35, its transfers 0 500 0 28",
                "mirror: account ...02 counts 0 35 0 500, its transfers 0 28 0 500",
                "mirror: transfer ...0e (batch 2, place 1) is not on the books",
            },
        ),
        (
            """
            INSERT INTO ledger_transfers
            SELECT '00000000-0000-0000-0000-0000000000aa', debit_account_id, credit_account_id, 0,
                NULL, ledger, code, 0, timestamp, NULL, NULL, NULL, journal_seq, place
            FROM ledger_transfers WHERE amount = 7
            """,
            {"mirror: 6 transfers are on the books, 5 in the journal"},
        ),
        (
            """
            INSERT INTO ledger_transfers
            SELECT '00000000-0000-0000-0000-00000000000c', debit_account_id, credit_account_id, 0,
                NULL, ledger, code, 0, timestamp, NULL, NULL, NULL, 1, 2
            FROM ledger_transfers WHERE amount = 7
            """,
            {
                "I4: transfer ...0c was refused (batch 1, place 2) and is on the books",
            },
        ),
        (
            "DELETE FROM ledger_burnt_ids WHERE id = '00000000-0000-0000-0000-000000000011'",
            {"I4: id ...11 was refused for good (batch 4, place 1) and is not noted"},
        ),
        (
            "UPDATE ledger_authority SET last_seq = 3",
            {"mirror: batch 4 is beyond the last one sealed, 3"},
        ),
    ],
)
async def test_damage_is_named(used: Books, damage: str, expected: set[str]) -> None:
    await used.execute(damage)

    found = {
        f"{one.invariant}: {one.what}".replace("00000000-0000-0000-0000-0000000000", "...")
        for one in await used.findings()
    }

    assert found == expected


async def test_an_account_over_its_limit_is_named_once_nothing_can_explain_it(
    submitting: Books,
) -> None:
    credit = await submitting.seal(move(10, SETTLEMENT, CUSTOMER, 100))
    debit = await submitting.seal(move(11, CUSTOMER, SETTLEMENT, 70))
    await submitting.journal.answer([(debit, packed(S.CREATED))])
    await submitting.catch_up()
    assert await submitting.findings() == ()

    # As if somebody had thrown the credit away.
    await submitting.execute(f"DELETE FROM ledger_journal WHERE seq = {credit}")

    [finding] = await submitting.findings()
    assert finding.invariant == "I2"
    assert finding.what.endswith("02 is over its limit by 70")


async def test_an_account_that_was_over_its_limit_in_between_is_named(books: Books) -> None:
    """At the end it is in order: only the journal tells."""
    await books.stand_in(move(10, SETTLEMENT, CUSTOMER, 100))
    await books.stand_in(move(11, CUSTOMER, SETTLEMENT, 70))
    await books.execute(
        "UPDATE ledger_journal SET seq = CASE seq WHEN 1 THEN 9 ELSE seq END",
        "UPDATE ledger_transfers SET journal_seq = 9 WHERE journal_seq = 1",
        "UPDATE ledger_authority SET last_seq = 9",
    )

    [finding] = await books.findings()

    assert finding.invariant == "I2"
    assert finding.what.endswith("02 was over its limit by 70")


async def test_what_sessions_did_in_another_order_than_seqs_is_in_order(
    submitting: Books,
) -> None:
    credit = await submitting.seal(move(10, SETTLEMENT, CUSTOMER, 100))
    debit = await submitting.seal(move(11, CUSTOMER, SETTLEMENT, 70))
    late = await submitting.seal(move(12, SETTLEMENT, CUSTOMER, 100))
    results = submitting.submit(move(12, SETTLEMENT, CUSTOMER, 100))
    answers = [
        (debit, submitting.submit(move(11, CUSTOMER, SETTLEMENT, 70))),
        (credit, submitting.submit(move(10, SETTLEMENT, CUSTOMER, 100))),
        (late, results),
    ]
    await submitting.journal.answer(answers)
    await submitting.catch_up()

    assert await submitting.findings() == ()

"""Each transfer on the books is told once, from the journal, in messages that stay the same."""

import re
from typing import Any

import msgspec

from fluxiq.domain.ledger_records import Transfer, TransferFlags
from fluxiq.ledgers.events import EVENTS_MAX, LedgerEvents, ToPublish
from tests.support.ledger_books import CUSTOMER, SETTLEMENT, Books
from tests.support.ledger_histories import move, post

ISPB = "12345678"


def fund(id_: int, amount: int) -> Transfer:
    return move(id_, SETTLEMENT, CUSTOMER, amount)


def events_of(books: Books) -> LedgerEvents:
    return LedgerEvents(books.pg, ISPB)


def told(found: ToPublish) -> list[Any]:
    return [msgspec.json.decode(one.body) for one in found.messages]


def places(found: ToPublish) -> list[tuple[int, int]]:
    return [
        (message["seq"], one["index"]) for message in told(found) for one in message["transfers"]
    ]


async def drain(books: Books) -> list[tuple[int, int]]:
    """What is told until there is nothing left, as (seq, index)."""
    events, all_told = events_of(books), list[tuple[int, int]]()
    while (found := await events.to_publish()).seqs:
        all_told += places(found)
        await events.published(found.seqs)
    return all_told


class TestWhatIsTold:
    async def test_says_all_of_a_transfer_in_words(self, submitting: Books) -> None:
        await submitting.send(fund(10, 5_00))
        hold = move(11, CUSTOMER, SETTLEMENT, 2_00, flags=TransferFlags.PENDING)
        seq = await submitting.send(hold, post(12, 11, 2_00))
        await submitting.catch_up()

        found = await events_of(submitting).to_publish()

        first, second = told(found)
        assert (first["institution"], first["index"], first["backend"]) == (ISPB, 0, "tigerbeetle")
        assert [one["kind"] for one in second["transfers"]] == ["hold", "post"]
        posted = second["transfers"][1]
        assert (second["seq"], posted["index"], posted["amount"]) == (seq, 1, 2_00)
        assert int(posted["id"].replace("-", ""), 16) == 12
        assert int(posted["pending_id"].replace("-", ""), 16) == 11
        assert int(posted["debit_account_id"].replace("-", ""), 16) == CUSTOMER
        assert posted["timestamp"] > second["transfers"][0]["timestamp"]
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", posted["id"])

    async def test_comes_from_the_stand_in_as_well(self, books: Books) -> None:
        await books.stand_in(fund(10, 5_00))

        [message] = told(await events_of(books).to_publish())
        assert message["backend"] == "standin"

    async def test_is_nothing_of_what_was_refused_but_the_batch_is_done_with(
        self, submitting: Books
    ) -> None:
        seq = await submitting.send(move(10, CUSTOMER, SETTLEMENT, 1))
        await submitting.catch_up()

        found = await events_of(submitting).to_publish()
        assert (found.seqs, found.messages) == ([seq], [])

    async def test_waits_for_the_answer_and_for_the_mirror(self, submitting: Books) -> None:
        unanswered = await submitting.seal(fund(10, 1))
        answered = await submitting.send(fund(11, 1))
        assert await drain(submitting) == []

        await submitting.catch_up()
        assert await drain(submitting) == [(answered, 0)]

        await submitting.journal.answer([(unanswered, submitting.submit(fund(10, 1)))])
        await submitting.catch_up()
        assert await drain(submitting) == [(unanswered, 0)]


class TestOnce:
    async def test_a_transfer_that_was_sent_twice_is_told_once(self, submitting: Books) -> None:
        first = await submitting.send(fund(10, 1), fund(11, 1))
        second = await submitting.send(fund(11, 1), fund(12, 1))
        await submitting.catch_up()

        assert await drain(submitting) == [(first, 0), (first, 1), (second, 1)]

    async def test_a_replay_into_tigerbeetle_is_not_told_again(self, books: Books) -> None:
        await books.stand_in(fund(10, 1))
        assert len(await drain(books)) == 1

        [row] = await books.journal.to_replay(10)
        await books.journal.replayed([row.seq])
        assert await drain(books) == []

    async def test_what_was_not_noted_comes_again_as_the_same_messages(
        self, submitting: Books
    ) -> None:
        for start in (10, 500, 1000):
            await submitting.send(*(fund(start + n, 1) for n in range(250)))
        await submitting.catch_up()
        events = events_of(submitting)

        before = await events.to_publish()
        await submitting.send(fund(5000, 1))
        await submitting.catch_up()
        again = await events.to_publish()

        same = len(before.messages)
        assert again.messages[:same] == before.messages
        ids = [(one.seq, one.index) for one in again.messages]
        assert len(set(ids)) == len(ids)

    async def test_a_message_is_cut_at_fixed_places_of_the_batch(self, submitting: Books) -> None:
        seq = await submitting.send(*(fund(10 + n, 1) for n in range(EVENTS_MAX * 2 + 1)))
        await submitting.catch_up()

        found = await events_of(submitting).to_publish()
        assert [(one.seq, one.index) for one in found.messages] == [
            (seq, 0),
            (seq, EVENTS_MAX),
            (seq, EVENTS_MAX * 2),
        ]
        assert [len(message["transfers"]) for message in told(found)] == [
            EVENTS_MAX,
            EVENTS_MAX,
            1,
        ]

    async def test_a_round_is_bounded_and_the_next_one_goes_on(self, submitting: Books) -> None:
        seqs = [
            await submitting.send(*(fund(n * 10_000 + m + 10, 1) for m in range(3_000)))
            for n in range(4)
        ]
        await submitting.catch_up()

        found = await events_of(submitting).to_publish()
        assert list(found.seqs) == seqs[:3]
        assert len(await drain(submitting)) == 12_000

"""The ledger of one institution over a library of the test's own: what it refuses, what is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from tigerbeetle import bindings

from fluxiq.domain.records import (
    AccountFilter,
    AccountFlags,
    LedgerAccount,
    QueryFilter,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.tigerbeetle import TigerBeetleLedger, open_sessions
from fluxiq.ledgers.tigerbeetle.ledger import CHANGES_MAX, PAGE_MAX
from fluxiq.ledgers.tigerbeetle.records import (
    pack_accounts,
    pack_transfers,
    unpack_accounts,
    unpack_transfers,
)
from fluxiq.ledgers.tigerbeetle.results import RESULT, TransferResult, pack_transfer_results
from tests.unit.ledgers_tigerbeetle.fake_library import FakeLibrary, FakeNative

LEDGER = 76
OTHER = 77
ACCOUNT = LedgerAccount(id=1, ledger=LEDGER, code=1)


def transfer(id_: int = 1, ledger: int = LEDGER, flags: int = 0) -> Transfer:
    return Transfer(
        id=id_,
        ledger=ledger,
        code=1,
        debit_account_id=1,
        credit_account_id=2,
        amount=5,
        flags=TransferFlags(flags),
    )


@asynccontextmanager
async def opened(
    *, seconds: float = 5.0, events_max: int = 8189
) -> AsyncIterator[tuple[TigerBeetleLedger, FakeNative]]:
    library = FakeLibrary()
    async with open_sessions(library, count=1) as sessions:
        yield (
            TigerBeetleLedger(sessions, LEDGER, deadline_seconds=seconds, events_max=events_max),
            library.clients[0],
        )


async def answer(native: FakeNative, reply: bytes) -> None:
    await native.submitted(1)
    native.complete(reply=reply)


class TestWriting:
    async def test_packed_transfers_are_submitted_as_they_are(self) -> None:
        records = pack_transfers([transfer(1), transfer(2)])
        reply = pack_transfer_results(
            [
                TransferResult(8, TransferStatus.CREATED),
                TransferResult(9, TransferStatus.EXCEEDS_CREDITS),
            ]
        )
        async with opened() as (ledger, native), trio.open_nursery() as nursery:
            nursery.start_soon(answer, native, reply)
            assert await ledger.submit(records) == reply

            nursery.start_soon(answer, native, reply)
            assert await ledger.create_transfers([transfer(1), transfer(2)]) == [
                TransferStatus.CREATED,
                TransferStatus.EXCEEDS_CREDITS,
            ]

    async def test_the_journals_bytes_are_the_ones_the_library_reads(self) -> None:
        records = pack_transfers([transfer()])
        async with opened() as (ledger, native), trio.open_nursery() as nursery:
            nursery.start_soon(ledger.submit, records)
            [packet] = await native.submitted(1)
            assert packet.events is records
            native.complete(reply=bytes(16))

    async def test_a_lost_answer_to_a_batch_is_unknown_and_named_by_its_first_id(self) -> None:
        async with opened(seconds=0.01) as (ledger, _):
            with pytest.raises(Unknown, match="outcome of 2 transfers from ab is unknown"):
                await ledger.create_transfers([transfer(0xAB), transfer(2)])

    @pytest.mark.parametrize(
        ("records", "refusal"),
        [
            (b"", "an empty batch"),
            (bytes(127), "127 bytes are not whole records"),
            (pack_transfers([transfer(), transfer(2, OTHER)]), "transfer 1 .* not of ledger 76"),
            (pack_transfers([transfer(ledger=0)]), "transfer 0 of the batch is not of ledger"),
            (pack_transfers([transfer(flags=1 << 8)]), "transfer 0 of the batch is imported"),
            (pack_transfers([transfer()] * 4), "4 transfers in one batch, 3 are possible"),
        ],
    )
    async def test_what_is_no_batch_of_this_ledger_is_not_sent(
        self, records: bytes, refusal: str
    ) -> None:
        async with opened(events_max=3) as (ledger, native):
            with pytest.raises(ValueError, match=refusal):
                await ledger.submit(records)

            assert native.packets == []

    async def test_a_transfer_of_another_ledger_is_refused_before_it_is_sent(self) -> None:
        async with opened() as (ledger, native):
            with pytest.raises(ValueError, match="not of ledger 76"):
                await ledger.create_transfers([transfer(ledger=OTHER)])
            with pytest.raises(AssertionError, match="not of ledger 76"):
                await ledger.create_accounts([LedgerAccount(id=1, ledger=OTHER, code=1)])

            assert native.packets == []

    async def test_nothing_to_do_asks_nobody(self) -> None:
        async with opened() as (ledger, _):
            await ledger.create_accounts([])
            assert await ledger.create_transfers([]) == []
            assert await ledger.balances([]) == {}

    async def test_a_refused_account_is_an_assertion_that_shows_what_exists(self) -> None:
        refused = RESULT.pack(5, bindings.CreateAccountStatus.EXISTS_WITH_DIFFERENT_CODE)
        existing = pack_accounts([LedgerAccount(id=1, ledger=LEDGER, code=99)])
        async with opened() as (ledger, native), trio.open_nursery() as nursery:

            async def answers() -> None:
                await answer(native, refused)
                await answer(native, existing)

            nursery.start_soon(answers)
            with pytest.raises(AssertionError, match=r"exists_with_different_code.*code=99"):
                await ledger.create_accounts([ACCOUNT])

    async def test_an_account_whose_answer_is_lost_may_be_created_again(self) -> None:
        async with opened(seconds=0.01) as (ledger, _):
            with pytest.raises(Unavailable, match="create_accounts was not answered"):
                await ledger.create_accounts([ACCOUNT])


class TestReading:
    async def test_a_lost_answer_is_unavailable_because_nothing_moved(self) -> None:
        async with opened(seconds=0.01) as (ledger, _):
            with pytest.raises(Unavailable, match="lookup_accounts was not answered"):
                await ledger.balances([1])

    async def test_ids_are_asked_for_in_pages_that_the_cluster_takes(self) -> None:
        asked: list[int] = []
        async with opened(events_max=2) as (ledger, native), trio.open_nursery() as nursery:

            async def answers() -> None:
                for _ in range(3):
                    [packet] = await native.submitted(1)
                    ids = [packet.events[at : at + 16] for at in range(0, len(packet.events), 16)]
                    asked.append(len(ids))
                    found = [
                        LedgerAccount(id=int.from_bytes(one, "little"), ledger=LEDGER, code=1)
                        for one in ids
                    ]
                    native.complete(reply=pack_accounts(found))

            nursery.start_soon(answers)
            balances = await ledger.balances([1, 2, 3, 4, 5])

        assert list(balances) == [1, 2, 3, 4, 5]
        assert asked == [2, 2, 1]

    async def test_records_of_other_ledgers_are_not_told(self) -> None:
        accounts = pack_accounts([ACCOUNT, LedgerAccount(id=2, ledger=OTHER, code=1)])
        transfers = pack_transfers([transfer(1, OTHER), transfer(2)])
        async with opened() as (ledger, native), trio.open_nursery() as nursery:
            nursery.start_soon(answer, native, accounts)
            assert await ledger.look_up_accounts([1, 2]) == unpack_accounts(accounts)[:1]

            nursery.start_soon(answer, native, transfers)
            assert await ledger.look_up_transfers([1, 2]) == unpack_transfers(transfers)[1:]

            nursery.start_soon(answer, native, transfers)
            found = await ledger.account_transfers(AccountFilter(account_id=1, limit=9))
            assert found == unpack_transfers(transfers)[1:]

    async def test_another_ledger_cannot_be_queried(self) -> None:
        async with opened() as (ledger, native):
            with pytest.raises(ValueError, match="ledger 77 is asked for, this is 76"):
                await ledger.query_accounts(QueryFilter(limit=1, ledger=OTHER))

            assert native.packets == []

    async def test_a_page_has_a_limit(self) -> None:
        async with opened() as (ledger, native):
            for limit in (0, PAGE_MAX + 1):
                with pytest.raises(ValueError, match=f"a page of {limit}, it can have 1 to 8189"):
                    await ledger.account_transfers(AccountFilter(account_id=1, limit=limit))
                with pytest.raises(ValueError, match=f"a page of {limit}"):
                    await ledger.account_balances(AccountFilter(account_id=1, limit=limit))
                with pytest.raises(ValueError, match=f"a page of {limit}"):
                    await ledger.query_transfers(QueryFilter(limit=limit))
            with pytest.raises(ValueError, match="a page of 2731, it can have 1 to 2730"):
                await ledger.change_events(limit=CHANGES_MAX + 1)

            assert native.packets == []


@pytest.mark.parametrize("wrong", [{"ledger": 0}, {"deadline_seconds": 0}, {"events_max": 8190}])
async def test_a_ledger_that_could_do_nothing_is_refused(wrong: dict[str, int]) -> None:
    async with open_sessions(FakeLibrary(), count=1) as sessions:
        with pytest.raises(AssertionError):
            TigerBeetleLedger(sessions, **{"ledger": LEDGER, **wrong})


def test_history_and_user_data_are_kept_by_tigerbeetle() -> None:
    kept = LedgerAccount(id=1, ledger=1, code=1, flags=AccountFlags.HISTORY, user_data_64=7)

    assert unpack_accounts(pack_accounts([kept]))[0].account == kept

"""The TigerBeetle driver against a real server, healthy and not."""

import itertools
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import trio
from msgspec.structs import replace

from fluxiq.domain.records import (
    AccountFilter,
    AccountFlags,
    Balance,
    LedgerAccount,
    QueryFilter,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.tigerbeetle import Cluster, Sessions, TigerBeetleLedger, open_sessions
from fluxiq.ledgers.tigerbeetle.client import Client, open_client
from fluxiq.ledgers.tigerbeetle.ledger import EVENTS_MAX_DEVELOPMENT
from fluxiq.ledgers.tigerbeetle.packets import Operation
from fluxiq.ledgers.tigerbeetle.queries import ChangeEvent, ChangeKind
from fluxiq.ledgers.tigerbeetle.records import pack_ids, pack_transfers
from fluxiq.ledgers.tigerbeetle.results import unpack_transfer_results
from tests.support.fee_chains import Receiver, check_fee_chains
from tests.support.servers import (
    TigerBeetleServer,
    free_port,
    run_tigerbeetle,
    tigerbeetle_binary,
)

ENABLE: Final = (
    "put `tigerbeetle` (0.17.9) on the PATH, or name it in FLUXIQ_TIGERBEETLE_BIN{} to run this"
)
pytestmark = pytest.mark.tigerbeetle

S = TransferStatus
F = TransferFlags
LIMITED = AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
CLIENTS_MAX = 64  # of a cluster

_ids = itertools.count(random.SystemRandom().getrandbits(126) + 1)


@pytest.fixture(scope="module")
def server() -> Iterator[TigerBeetleServer]:
    """A server that a test may stop, if it starts it again."""
    binary = tigerbeetle_binary()
    if binary is None:
        pytest.skip(ENABLE.format(""))
    with run_tigerbeetle(binary) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(request: pytest.FixtureRequest) -> str:
    """A cluster 0 to use and not to stop."""
    if given := os.environ.get("FLUXIQ_TIGERBEETLE__ADDRESSES"):
        return given
    if tigerbeetle_binary() is None:
        pytest.skip(ENABLE.format(", or a running cluster 0 in FLUXIQ_TIGERBEETLE__ADDRESSES,"))
    address: str = request.getfixturevalue("server").address
    return address


@pytest.fixture
async def sessions(addresses: str) -> AsyncIterator[Sessions]:
    async with open_sessions(Cluster(0, addresses)) as opened:
        await opened.probe(seconds=10)
        yield opened


def ledger_on(sessions: Sessions, *, seconds: float = 10.0) -> TigerBeetleLedger:
    """A ledger that nobody has used before."""
    code = random.SystemRandom().randrange(1, 2**32)
    return TigerBeetleLedger(
        sessions, code, deadline_seconds=seconds, events_max=EVENTS_MAX_DEVELOPMENT
    )


@pytest.fixture
def ledger(sessions: Sessions) -> TigerBeetleLedger:
    return ledger_on(sessions)


async def account(
    ledger: TigerBeetleLedger, flags: AccountFlags = AccountFlags.NONE, **more: int
) -> int:
    new = LedgerAccount(id=next(_ids), ledger=ledger._ledger, code=1, flags=flags, **more)
    await ledger.create_accounts([new])
    return new.id


class Books:
    """A provider and a customer with a limit, and transfers between them."""

    def __init__(self, ledger: TigerBeetleLedger, provider: int, customer: int) -> None:
        self.ledger = ledger
        self.provider = provider
        self.customer = customer

    def pay_in(self, amount: int, **more: Any) -> Transfer:
        return self._transfer(self.provider, self.customer, amount, more)

    def pay_out(self, amount: int, **more: Any) -> Transfer:
        return self._transfer(self.customer, self.provider, amount, more)

    def settle(self, hold: Transfer, flags: TransferFlags, **more: Any) -> Transfer:
        wanted = {"id": next(_ids), "pending_id": hold.id, "flags": flags, "timeout": 0}
        return replace(hold, **wanted | more)

    async def apply(self, *transfers: Transfer) -> list[TransferStatus]:
        return await self.ledger.create_transfers(transfers)

    async def available(self) -> int:
        return (await self.ledger.balances([self.customer]))[self.customer].available

    def _transfer(self, debit: int, credit: int, amount: int, more: dict[str, Any]) -> Transfer:
        fields = {"id": next(_ids), "ledger": self.ledger._ledger, "code": 1, "amount": amount}
        sides = {"debit_account_id": debit, "credit_account_id": credit}
        return Transfer(**fields | sides | more)


async def open_books(ledger: TigerBeetleLedger, **more: Any) -> Books:
    return Books(ledger, await account(ledger, **more), await account(ledger, LIMITED, **more))


@pytest.fixture
async def books(ledger: TigerBeetleLedger) -> Books:
    return await open_books(ledger)


class TestAccounts:
    async def test_creating_an_account_twice_creates_it_once(
        self, ledger: TigerBeetleLedger
    ) -> None:
        wanted = LedgerAccount(
            id=next(_ids), ledger=ledger._ledger, code=3, flags=LIMITED, user_data_128=2**127
        )
        await ledger.create_accounts([wanted])
        await ledger.create_accounts([wanted])

        [found] = await ledger.look_up_accounts([wanted.id])
        assert replace(found.account, timestamp=0) == wanted
        assert found.account.timestamp > 0
        assert found.balance == Balance(account_id=wanted.id)

    async def test_a_different_account_of_the_same_id_is_an_assertion(
        self, ledger: TigerBeetleLedger
    ) -> None:
        known = await account(ledger)
        with pytest.raises(AssertionError, match="exists_with_different_code"):
            await ledger.create_accounts([LedgerAccount(id=known, ledger=ledger._ledger, code=2)])

    async def test_look_ups_keep_the_order_and_leave_out_what_is_not_there(
        self, ledger: TigerBeetleLedger
    ) -> None:
        one, two = await account(ledger), await account(ledger)
        found = await ledger.look_up_accounts([two, next(_ids), one])

        assert [record.account.id for record in found] == [two, one]
        assert list(await ledger.balances([one, two])) == [one, two]


class TestTransfers:
    async def test_a_refusal_for_now_is_a_refusal_for_ever(self, books: Books) -> None:
        hold = books.pay_out(100, flags=F.PENDING)
        assert await books.apply(hold) == [S.EXCEEDS_CREDITS]
        assert await books.apply(books.pay_in(100)) == [S.CREATED]
        assert await books.apply(hold) == [S.ID_ALREADY_FAILED]

    async def test_doing_it_twice_does_it_once(self, books: Books) -> None:
        paid = books.pay_in(100)
        assert await books.apply(paid, paid) == [S.CREATED, S.EXISTS]
        assert await books.apply(replace(paid, amount=99)) == [S.EXISTS_WITH_DIFFERENT_AMOUNT]
        assert await books.available() == 100

    async def test_the_members_of_a_failed_chain_are_not_burnt_but_its_culprit_is(
        self, books: Books
    ) -> None:
        good = books.pay_in(100, flags=F.LINKED)
        too_big = books.pay_out(101)
        assert await books.apply(good, too_big) == [S.LINKED_EVENT_FAILED, S.EXCEEDS_CREDITS]

        assert await books.apply(replace(good, flags=F.NONE)) == [S.CREATED]
        assert await books.apply(too_big) == [S.ID_ALREADY_FAILED]

    async def test_a_chain_left_open_applies_nothing(self, books: Books) -> None:
        batch = [books.pay_in(100, flags=F.LINKED), books.pay_in(5, flags=F.LINKED)]
        assert await books.apply(*batch) == [S.LINKED_EVENT_FAILED, S.LINKED_EVENT_CHAIN_OPEN]
        assert await books.available() == 0

    async def test_a_hold_is_posted_in_part_or_voided(self, books: Books) -> None:
        first = books.pay_out(60, flags=F.PENDING)
        second = books.pay_out(40, flags=F.PENDING)
        await books.apply(books.pay_in(100), first, second)
        assert await books.available() == 0

        post = books.settle(first, F.POST_PENDING_TRANSFER, amount=50)
        void = books.settle(second, F.VOID_PENDING_TRANSFER)
        assert await books.apply(post, void, replace(void, id=next(_ids))) == [
            S.CREATED,
            S.CREATED,
            S.PENDING_TRANSFER_ALREADY_VOIDED,
        ]
        [balance] = (await books.ledger.balances([books.customer])).values()
        assert (balance.debits_posted, balance.debits_pending) == (50, 0)

    async def test_a_hold_that_expired_can_not_be_posted(self, books: Books) -> None:
        hold = books.pay_out(60, flags=F.PENDING, timeout=1)
        await books.apply(books.pay_in(100), hold)
        await trio.sleep(2)

        post = books.settle(hold, F.POST_PENDING_TRANSFER)
        assert await books.apply(post) == [S.PENDING_TRANSFER_EXPIRED]
        assert await books.apply(post) == [S.PENDING_TRANSFER_EXPIRED]
        assert await books.available() == 100

    async def test_a_post_of_an_unknown_hold_burns_its_id(self, books: Books) -> None:
        hold = books.pay_in(60, flags=F.PENDING)
        post = books.settle(hold, F.POST_PENDING_TRANSFER)
        assert await books.apply(post) == [S.PENDING_TRANSFER_NOT_FOUND]
        assert await books.apply(hold, post) == [S.CREATED, S.ID_ALREADY_FAILED]

    async def test_balancing_takes_what_there_is(self, books: Books) -> None:
        sweep = books.pay_out(2**128 - 1, flags=F.BALANCING_DEBIT)
        assert await books.apply(books.pay_in(70), sweep) == [S.CREATED, S.CREATED]
        [applied] = await books.ledger.look_up_transfers([sweep.id])
        assert applied.amount == 70

    async def test_a_closed_account_moves_nothing(self, books: Books) -> None:
        closing = books.pay_out(0, flags=F.PENDING | F.CLOSING_DEBIT)
        assert await books.apply(closing, books.pay_in(5)) == [
            S.CREATED,
            S.CREDIT_ACCOUNT_ALREADY_CLOSED,
        ]
        [record] = await books.ledger.look_up_accounts([books.customer])
        assert AccountFlags.CLOSED in record.account.flags

    async def test_packed_results_have_the_time_of_each_transfer(self, books: Books) -> None:
        batch = [books.pay_in(amount) for amount in (1, 2, 3)]
        results = unpack_transfer_results(await books.ledger.submit(pack_transfers(batch)))

        found = await books.ledger.look_up_transfers([one.id for one in batch])
        assert [one.timestamp for one in found] == [result.timestamp for result in results]
        assert [replace(one, timestamp=0) for one in found] == batch

    async def test_a_batch_as_large_as_the_cluster_takes_is_taken_and_a_larger_one_is_not_sent(
        self, sessions: Sessions, books: Books
    ) -> None:
        batch = [books.pay_in(1) for _ in range(EVENTS_MAX_DEVELOPMENT)]
        assert set(await books.apply(*batch)) == {S.CREATED}

        too_many = pack_transfers([books.pay_in(1) for _ in range(8190)])
        with pytest.raises(ValueError, match="more than the cluster takes"):
            await sessions.request(
                Operation.CREATE_TRANSFERS, too_many, seconds=10, reference="a large batch"
            )

        assert await books.available() == EVENTS_MAX_DEVELOPMENT


class TestQueries:
    async def test_the_transfers_of_an_account_come_in_pages(self, books: Books) -> None:
        batch = [books.pay_in(n, code=n % 2 + 1) for n in range(1, 8)]
        await books.apply(*batch)

        seen: list[int] = []
        after = 0
        while True:
            page = await books.ledger.account_transfers(
                AccountFilter(account_id=books.customer, limit=3, timestamp_min=after)
            )
            seen += [one.amount for one in page]
            if len(page) < 3:
                break
            after = page[-1].timestamp + 1

        assert seen == [1, 2, 3, 4, 5, 6, 7]
        newest = AccountFilter(account_id=books.customer, limit=2, reversed=True, code=2)
        assert [one.amount for one in await books.ledger.account_transfers(newest)] == [7, 5]
        debits = AccountFilter(account_id=books.customer, limit=9, credits=False)
        assert await books.ledger.account_transfers(debits) == []

    async def test_an_account_with_a_history_tells_its_balances(
        self, ledger: TigerBeetleLedger
    ) -> None:
        books = await open_books(ledger)
        kept = await account(ledger, AccountFlags.HISTORY)
        books.customer = kept
        await books.apply(books.pay_in(10), books.pay_in(5), books.pay_out(3, flags=F.PENDING))

        told = await ledger.account_balances(AccountFilter(account_id=kept, limit=9))
        assert [(b.credits_posted, b.debits_pending) for b in told] == [(10, 0), (15, 0), (15, 3)]
        assert sorted(b.timestamp for b in told) == [b.timestamp for b in told]
        assert told[0].account_id == kept
        nobody = AccountFilter(account_id=books.provider, limit=9)
        assert await ledger.account_balances(nobody) == []

    async def test_accounts_and_transfers_are_found_by_their_user_data(
        self, ledger: TigerBeetleLedger
    ) -> None:
        books = await open_books(ledger, user_data_64=5)
        wanted = books.pay_in(10, user_data_128=2**100, user_data_32=9)
        await books.apply(wanted, books.pay_in(11))

        accounts = await ledger.query_accounts(QueryFilter(limit=9, user_data_64=5, reversed=True))
        assert [one.account.id for one in accounts] == [books.customer, books.provider]
        found = await ledger.query_transfers(QueryFilter(limit=9, user_data_32=9))
        assert [one.id for one in found] == [wanted.id]
        assert await ledger.query_transfers(QueryFilter(limit=9, user_data_32=8)) == []


class TestChangeFeed:
    async def test_it_tells_every_kind_of_change_with_both_accounts_after_it(
        self, books: Books
    ) -> None:
        paid = books.pay_in(100, user_data_64=7)
        posted = books.pay_out(60, flags=F.PENDING)
        voided = books.pay_out(30, flags=F.PENDING, timeout=90)
        expired = books.pay_out(10, flags=F.PENDING, timeout=1)
        post = books.settle(posted, F.POST_PENDING_TRANSFER, amount=50)
        void = books.settle(voided, F.VOID_PENDING_TRANSFER)
        start = paid_at(await books.ledger.submit(pack_transfers([paid])))
        await books.apply(posted, voided, expired, post, void)
        await trio.sleep(2)
        # The cluster notes an expiry before what it does next.
        assert await books.apply(books.pay_in(1)) == [S.CREATED]

        events = await everything(books.ledger, start)
        assert [event.kind for event in events] == [
            ChangeKind.SINGLE_PHASE,
            ChangeKind.TWO_PHASE_PENDING,
            ChangeKind.TWO_PHASE_PENDING,
            ChangeKind.TWO_PHASE_PENDING,
            ChangeKind.TWO_PHASE_POSTED,
            ChangeKind.TWO_PHASE_VOIDED,
            ChangeKind.TWO_PHASE_EXPIRED,
            ChangeKind.SINGLE_PHASE,
        ]
        ids = [paid.id, posted.id, voided.id, expired.id, post.id, void.id, expired.id]
        assert [event.transfer.id for event in events[:-1]] == ids
        by_look_up = await books.ledger.look_up_transfers(ids[:-1])
        assert [event.transfer for event in events[:6]] == by_look_up

        first, last = events[0], events[-1]
        assert (first.debit.account.id, first.credit.account.id) == (books.provider, books.customer)
        assert first.credit.balance == Balance(account_id=books.customer, credits_posted=100)
        assert last.credit.balance == Balance(
            account_id=books.customer, credits_posted=101, debits_posted=50
        )
        [customer] = await books.ledger.look_up_accounts([books.customer])
        assert last.credit == customer
        assert [event.timestamp for event in events] == sorted({e.timestamp for e in events})

    async def test_a_page_says_where_the_next_one_begins(
        self, sessions: Sessions, books: Books
    ) -> None:
        other = await open_books(ledger_on(sessions))
        start = paid_at(await books.ledger.submit(pack_transfers([books.pay_in(1)])))
        for amount in (2, 3):
            await other.apply(other.pay_in(amount))
        await books.apply(books.pay_in(4))

        page = await books.ledger.change_events(limit=1, timestamp_min=start)
        assert [event.transfer.amount for event in page.events] == [1]
        assert page.next_timestamp == start + 1
        page = await books.ledger.change_events(limit=2, timestamp_min=start + 1)
        assert page.events == []  # both of the other ledger's
        assert page.next_timestamp is not None
        page = await books.ledger.change_events(limit=2, timestamp_min=page.next_timestamp)
        assert [event.transfer.amount for event in page.events] == [4]
        assert page.next_timestamp is None


def paid_at(results: bytes) -> int:
    timestamp, status = unpack_transfer_results(results)[0]
    assert status is S.CREATED
    return timestamp


async def everything(ledger: TigerBeetleLedger, start: int) -> list[ChangeEvent]:
    events: list[ChangeEvent] = []
    after: int | None = start
    while after is not None:
        page = await ledger.change_events(limit=3, timestamp_min=after)
        events += page.events
        after = page.next_timestamp

    return events


class TestIsolation:
    async def test_two_ledgers_do_not_see_each_other(
        self, sessions: Sessions, books: Books
    ) -> None:
        hold = books.pay_in(10, flags=F.PENDING)
        await books.apply(hold)
        other = ledger_on(sessions)

        assert await other.balances([books.customer]) == {}
        assert await other.look_up_transfers([hold.id]) == []
        wanted = AccountFilter(account_id=books.customer, limit=9)
        assert await other.account_transfers(wanted) == []
        assert await other.account_balances(wanted) == []
        assert await other.query_accounts(QueryFilter(limit=9)) == []
        assert await other.query_transfers(QueryFilter(limit=9)) == []
        assert (await other.change_events(limit=2730)).events == []

    async def test_no_transfer_crosses_ledgers(self, sessions: Sessions, books: Books) -> None:
        other = await open_books(ledger_on(sessions))
        across = books.pay_in(5, credit_account_id=other.customer)
        assert await books.apply(across) == [S.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER]

        hold = books.pay_in(10, flags=F.PENDING)
        await books.apply(hold)
        theirs = other.settle(hold, F.POST_PENDING_TRANSFER, ledger=other.ledger._ledger)
        assert await other.apply(theirs) == [S.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER]
        with pytest.raises(ValueError, match="not of ledger"):
            await other.apply(replace(theirs, ledger=0))


class TestFaults:
    async def test_a_wrong_cluster_is_named_within_seconds(self, addresses: str) -> None:
        async with open_sessions(Cluster(77, addresses), count=1) as sessions:
            with pytest.raises(Unavailable, match=f"cluster 77 at {addresses} did not answer"):
                await sessions.probe(seconds=1.5)

    async def test_a_wrong_address_is_named_within_seconds(self) -> None:
        address = f"127.0.0.1:{free_port()}"
        async with open_sessions(Cluster(0, address), count=1) as sessions:
            with pytest.raises(Unavailable, match=f"cluster 0 at {address} did not answer"):
                await sessions.probe(seconds=1.5)

    async def test_a_stopped_server_is_unknown_in_time_and_the_transfer_happens_later(
        self, server: TigerBeetleServer
    ) -> None:
        async with open_sessions(Cluster(0, server.address), count=1) as sessions:
            await sessions.probe(seconds=10)
            books = await open_books(ledger_on(sessions))
            impatient = TigerBeetleLedger(sessions, books.ledger._ledger, deadline_seconds=0.5)
            paid = books.pay_in(100)

            with stopped(server):
                began = trio.current_time()
                with pytest.raises(Unknown, match=f"1 transfers from {paid.id:x}"):
                    await impatient.create_transfers([paid])

                assert 0.5 <= trio.current_time() - began < 1
                with pytest.raises(Unavailable, match="lookup_accounts was not answered"):
                    await impatient.balances([books.customer])

            with trio.fail_after(10):
                while not await books.ledger.look_up_transfers([paid.id]):  # noqa: ASYNC110 - theirs
                    await trio.sleep(0.05)

            assert await books.apply(paid) == [S.EXISTS]
            assert sessions.statistics().lost == 2

    async def test_what_was_acknowledged_survives_a_kill_and_the_sessions_go_on(
        self, server: TigerBeetleServer
    ) -> None:
        async with open_sessions(Cluster(0, server.address), count=2) as sessions:
            await sessions.probe(seconds=10)
            books = await open_books(ledger_on(sessions, seconds=3))
            acknowledged: list[int] = []
            in_doubt: list[Transfer] = []

            async def pay() -> None:
                while not in_doubt:
                    paid = books.pay_in(1)
                    try:
                        assert await books.apply(paid) == [S.CREATED]
                    except Unknown:
                        in_doubt.append(paid)
                    else:
                        acknowledged.append(paid.id)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(pay)
                nursery.start_soon(pay)
                await trio.sleep(0.3)
                server.stop()  # SIGKILL

            await trio.to_thread.run_sync(server.start)
            await sessions.probe(seconds=20)

            assert len(acknowledged) > 1
            found = await books.ledger.look_up_transfers(acknowledged)
            assert [one.id for one in found] == acknowledged
            # Sending the same again settles what is in doubt, whatever became of it.
            for paid in in_doubt:
                assert await books.apply(paid) in ([S.CREATED], [S.EXISTS])

            assert await books.available() == len(acknowledged) + len(in_doubt)

    async def test_a_short_stall_is_ridden_out_within_the_deadline(
        self, server: TigerBeetleServer
    ) -> None:
        async with open_sessions(Cluster(0, server.address), count=1) as sessions:
            await sessions.probe(seconds=10)
            books = await open_books(ledger_on(sessions))
            async with trio.open_nursery() as nursery:
                with stopped(server):
                    nursery.start_soon(self.expect_created, books)
                    await trio.sleep(0.5)

            assert sessions.statistics().lost == 0

    async def expect_created(self, books: Books) -> None:
        assert await books.apply(books.pay_in(1)) == [S.CREATED]

    async def test_an_evicted_client_is_unknown_once_and_then_replaced(
        self, server: TigerBeetleServer
    ) -> None:
        """The cluster has room for 64 clients; the one it heard longest ago makes room."""
        cluster = Cluster(0, server.address)
        async with open_sessions(cluster, count=1) as sessions:
            await sessions.probe(seconds=10)
            books = await open_books(ledger_on(sessions))
            for _ in range(4):
                await crowd(cluster, CLIENTS_MAX // 4)

            with pytest.raises(Unknown, match="the cluster evicted this client"):
                await books.apply(books.pay_in(1))

            assert await books.apply(books.pay_in(2)) == [S.CREATED]
            assert sessions.statistics().lost == 1


async def crowd(cluster: Cluster, count: int) -> None:
    """So many new clients, each of which asks once and goes."""

    async def ask(client: Client) -> None:
        await client.request(
            Operation.LOOKUP_ACCOUNTS, pack_ids([1]), seconds=20, reference="a look-up"
        )
        await client.close()

    clients = [await open_client(cluster) for _ in range(count)]
    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(ask, client)


@contextmanager
def stopped(server: TigerBeetleServer) -> Iterator[None]:
    """Between SIGSTOP and SIGCONT."""
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


async def test_a_receipt_with_its_fee_is_answered_as_everywhere(ledger: TigerBeetleLedger) -> None:
    """A cluster keeps ids for ever, those of other runs too: so the institution is drawn."""
    ispb = f"{random.SystemRandom().randrange(10**8):08d}"
    names = itertools.count(1)
    receiver = Receiver(ledger, ledger._ledger, ispb, customer=next(_ids))
    await check_fee_chains(receiver, lambda: f"E{ispb}202603041200{next(names):011d}")

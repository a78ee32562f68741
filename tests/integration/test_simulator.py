"""The simulated provider and its adapter over real sockets: orders, notices, lost answers."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import trio

from fluxiq.domain import brcode
from fluxiq.domain.identifiers import build_end_to_end_id, build_return_id
from fluxiq.domain.recipient_account import AccountType, RecipientAccount
from fluxiq.domain.reconciliation import Flow, StatementLine, Window
from fluxiq.domain.records import (
    Notice,
    NoticeKind,
    Payout,
    PayoutStage,
    Recipient,
    Refund,
    RefundReason,
)
from fluxiq.errors import Refused, StartRefused, Unavailable, Unknown
from fluxiq.http1 import HttpClient, Request, Response, bind, port_of, serve_http, tcp_connector
from fluxiq.ports import OrderAnswer
from fluxiq.providers import statements
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator import (
    Customer,
    PayBrCode,
    SimulatorConfig,
    SimulatorControl,
    StatementFault,
    serve,
)
from fluxiq.providers.simulator_client import SimulatorProvider, parse_notices
from tests.support.patience import PATIENCE_SECONDS

ISPB = "12345678"
OTHER_ISPB = "87654321"
SECRET = "what both of them know"


class House:
    """The institutions' end: takes signed notices, and can be told to be out of order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.notices: list[Notice] = []
        self.calls: list[int] = []
        self.answers: list[int] = []  # statuses to give before 200
        self.refuses: str | None = None  # an end-to-end id that makes a call a 422
        self._news = trio.Event()

    async def answer(self, request: Request) -> Response:
        HmacSignature(SECRET).verify(request.headers, request.body, datetime.now(UTC))
        notices = parse_notices(request.body)
        self.calls.append(len(notices))
        if self.answers:
            return Response(status=self.answers.pop(0))
        if self.refuses in {one.end_to_end_id for one in notices}:
            return Response(status=422)

        self.notices += notices
        self._news.set()
        self._news = trio.Event()
        return Response(status=200)

    async def wait_for(self, count: int) -> list[Notice]:
        with trio.fail_after(PATIENCE_SECONDS):
            while len(self.notices) < count:
                await self._news.wait()
        return self.notices

    def config(self, folder: Path, *, port: int = 0, **changed: float) -> SimulatorConfig:
        customers = tuple(
            Customer(
                ispb=ispb, secret=SECRET, notices_url=f"http://127.0.0.1:{self.port}/{ispb}/notices"
            )
            for ispb in (ISPB, OTHER_ISPB)
        )
        values = {"confirm_seconds": 0.01, "slow_seconds": 0.1, **changed}
        return SimulatorConfig(
            journal=str(folder / "journal"),
            port=port,
            customers=customers,
            **values,  # type: ignore[arg-type]
        )


class Link:
    """One provider link with what it leads to."""

    def __init__(self, provider: SimulatorProvider, control: SimulatorControl) -> None:
        self.provider = provider
        self.control = control

    async def order(self, pix_key: str, amount: int = 4_000) -> tuple[str, OrderAnswer]:
        payout = payout_to(pix_key, amount)
        return payout.end_to_end_id, await self.provider.send(payout)


_numbers = iter(range(10**11 - 1, 0, -1))


def payout_to(pix_key: str, amount: int = 4_000) -> Payout:
    now = datetime.now(UTC)
    return Payout(
        id="pay_1",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id=build_end_to_end_id(ISPB, now, f"{next(_numbers):011d}"),
        amount=amount,
        description="rent",
        recipient=Recipient(pix_key=pix_key, pix_key_type="EMAIL"),
        stage=PayoutStage.HELD,
        created_at=now,
        updated_at=now,
    )


def into_account(number: str, **said: str) -> Payout:
    holder = {"name": "Maria", "document": "52998224725", "ispb": "60701190", **said}
    account = RecipientAccount(branch="0001", number=number, type=AccountType.CHECKING)
    return msgspec.structs.replace(payout_to(""), recipient=Recipient(account=account, **holder))


def provider_at(port: int, *, seconds_max: float = 5.0, secret: str = SECRET) -> SimulatorProvider:
    client = HttpClient(tcp_connector("127.0.0.1", port), "psp.test", connections_max=8)
    trio.lowlevel.spawn_system_task(_close_at_the_end, client)
    return SimulatorProvider(
        client,
        ispb=ISPB,
        signature=HmacSignature(secret),
        seconds_max=seconds_max,
    )


async def _close_at_the_end(client: HttpClient) -> None:
    """Of the test's run of trio. An autouse fixture is too early: nobody names it, so pytest-trio
    takes it down at once, and its clients were left open.
    """
    with closing(client):
        await trio.sleep_forever()


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    listeners = await bind("127.0.0.1", 0, name="the institutions")
    house = House(port_of(listeners))
    nursery.start_soon(serve_http, house.answer, listeners)
    return house


@pytest.fixture
async def port(house: House, nursery: trio.Nursery, tmp_path: Path) -> int:
    started: int = await nursery.start(serve, house.config(tmp_path))
    return started


@pytest.fixture
async def link(port: int) -> AsyncIterator[Link]:
    async with SimulatorControl.open(f"http://127.0.0.1:{port}") as control:
        yield Link(provider_at(port), control)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again until it holds: what is asked about is behind a socket and rings no bell."""
    with trio.fail_after(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - see above
            await trio.sleep(0.01)


async def owes_nothing(control: SimulatorControl) -> bool:
    return not (await control.statistics()).notices_owed


async def is_settled(provider: SimulatorProvider, end_to_end_id: str) -> bool:
    return (await provider.enquire(end_to_end_id)).state == "settled"


# Orders.


async def test_an_order_is_accepted_then_confirmed_by_a_signed_notice(
    link: Link, house: House
) -> None:
    end_to_end_id, answer = await link.order("confirmed@example.com", 4_099)

    (notice,) = await house.wait_for(1)
    assert answer == OrderAnswer(state="accepted")
    assert notice.kind is NoticeKind.CONFIRMED
    assert (notice.end_to_end_id, notice.amount) == (end_to_end_id, 4_099)
    assert await link.provider.enquire(end_to_end_id) == OrderAnswer(state="settled")
    assert (await link.control.order(end_to_end_id)).state == "settled"


async def test_a_rejection_carries_the_code_of_its_key(link: Link, house: House) -> None:
    end_to_end_id, answer = await link.order("rejected-ac03@example.com")

    (notice,) = await house.wait_for(1)
    assert answer.state == "accepted"
    assert (notice.kind, notice.reason_code) == (NoticeKind.REJECTED, "AC03")
    assert await link.provider.enquire(end_to_end_id) == OrderAnswer(
        state="rejected", reason_code="AC03"
    )


@pytest.mark.parametrize(
    ("number", "reason_code"), [("123456", None), ("AC0317", "AC03"), ("BE01", "BE01")]
)
async def test_an_account_is_paid_or_rejected_by_its_number(
    link: Link, house: House, number: str, reason_code: str | None
) -> None:
    payout = into_account(number)
    assert await link.provider.send(payout) == OrderAnswer(state="accepted")
    [notice] = await house.wait_for(1)
    rejected = reason_code is not None
    assert notice.kind is (NoticeKind.REJECTED if rejected else NoticeKind.CONFIRMED)
    assert (notice.end_to_end_id, notice.reason_code) == (payout.end_to_end_id, reason_code)


async def test_an_order_into_another_account_is_another_order(link: Link) -> None:
    payout = into_account("123456")
    assert (await link.provider.send(payout)).state == "accepted"
    assert (await link.provider.send(payout)).state in {"accepted", "settled"}
    other = into_account("123457")
    with pytest.raises(Unknown):
        await link.provider.send(msgspec.structs.replace(other, end_to_end_id=payout.end_to_end_id))


@pytest.mark.parametrize(
    ("said", "reason_code"), [({"document": "52998224724"}, "CH11"), ({"ispb": ISPB}, "AG12")]
)
async def test_an_account_that_spi_would_refuse_is_rejected_with_its_code(
    link: Link, said: dict[str, str], reason_code: str
) -> None:
    answer = await link.provider.send(into_account("123456", **said))
    assert answer == OrderAnswer(state="rejected", reason_code=reason_code)


async def test_orders_into_accounts_end_after_a_restart(house: House, tmp_path: Path) -> None:
    """What the journal keeps of an account decides as the account did."""
    order = into_account("AC07")
    async with trio.open_nursery() as first:
        port = await first.start(serve, house.config(tmp_path, confirm_seconds=60.0))
        assert (await provider_at(port).send(order)).state == "accepted"
        first.cancel_scope.cancel()
    async with trio.open_nursery() as second:
        await second.start(serve, house.config(tmp_path))
        [notice] = await house.wait_for(1)
        second.cancel_scope.cancel()
    assert (notice.end_to_end_id, notice.reason_code) == (order.end_to_end_id, "AC07")


async def test_a_slow_order_is_open_until_it_is_confirmed(link: Link, house: House) -> None:
    end_to_end_id, _ = await link.order("slow@example.com")

    assert (await link.provider.enquire(end_to_end_id)).state == "accepted"
    (notice,) = await house.wait_for(1)
    assert notice.kind is NoticeKind.CONFIRMED


async def test_an_order_with_a_lost_answer_is_unknown_and_yet_settles(
    link: Link, house: House
) -> None:
    payout = payout_to("lost@example.com")

    with pytest.raises(Unknown):
        await link.provider.send(payout)

    await house.wait_for(1)
    assert (await link.provider.enquire(payout.end_to_end_id)).state == "settled"


async def test_an_order_that_never_arrived_is_not_found_and_may_be_sent_again(
    link: Link, house: House
) -> None:
    payout = payout_to("lost-never@example.com")

    with pytest.raises(Unknown):
        await link.provider.send(payout)
    assert await link.provider.enquire(payout.end_to_end_id) == OrderAnswer(state="not_found")
    assert (await link.provider.send(payout)).state == "accepted"

    assert [one.kind for one in await house.wait_for(1)] == [NoticeKind.CONFIRMED]


async def test_a_duplicate_key_says_everything_several_times(link: Link, house: House) -> None:
    end_to_end_id, _ = await link.order("duplicate@example.com")

    notices = await house.wait_for(3)
    assert {one.end_to_end_id for one in notices} == {end_to_end_id}
    assert {one.kind for one in notices} == {NoticeKind.CONFIRMED}
    assert sorted(Counter(one.event_id for one in notices).values()) == [1, 2]


async def test_a_disorderly_notice_overtakes_its_answer_and_is_contradicted_late(
    link: Link, house: House
) -> None:
    _, answer = await link.order("disorder@example.com")
    kinds_when_answered = [one.kind for one in house.notices]

    notices = await house.wait_for(2)
    assert answer.state == "accepted"
    assert kinds_when_answered == [NoticeKind.CONFIRMED]
    assert [one.kind for one in notices] == [NoticeKind.CONFIRMED, NoticeKind.REJECTED]


async def test_a_silent_order_is_known_only_by_asking(link: Link, house: House) -> None:
    end_to_end_id, _ = await link.order("silent@example.com")

    await eventually(lambda: is_settled(link.provider, end_to_end_id))
    assert (await link.control.statistics()).notices_owed == 0
    assert house.notices == []


async def test_an_endless_order_is_accepted_for_ever(link: Link, house: House) -> None:
    endless, _ = await link.order("endless@example.com")
    slower, _ = await link.order("slow@example.com")

    await eventually(lambda: is_settled(link.provider, slower))
    assert await link.provider.enquire(endless) == OrderAnswer(state="accepted")
    assert {one.end_to_end_id for one in await house.wait_for(1)} == {slower}
    assert (await link.control.statistics()).orders_open == 1


def refund_of(description: str, amount: int = 4_000) -> Refund:
    now = datetime.now(UTC)
    return Refund(
        id="ref_1",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id=build_end_to_end_id(OTHER_ISPB, now, f"{next(_numbers):011d}"),
        return_id=build_return_id(ISPB, now, f"{next(_numbers):011d}"),
        charge_id=None,
        amount=amount,
        reason=RefundReason.CUSTOMER,
        description=description,
        stage=PayoutStage.HELD,
        created_at=now,
        updated_at=now,
    )


async def test_a_refund_is_an_order_under_its_return_id(link: Link, house: House) -> None:
    refund = refund_of("")
    assert await link.provider.enquire(refund.return_id) == OrderAnswer(state="not_found")

    assert await link.provider.send_refund(refund) == OrderAnswer(state="accepted")

    (notice,) = await house.wait_for(1)
    assert notice.kind is NoticeKind.CONFIRMED
    assert (notice.end_to_end_id, notice.amount) == (refund.return_id, 4_000)
    assert await link.provider.enquire(refund.return_id) == OrderAnswer(state="settled")
    assert await link.provider.send_refund(refund) == OrderAnswer(state="settled")


async def test_a_refund_s_description_decides_how_it_fares(link: Link, house: House) -> None:
    await link.provider.send_refund(refund_of("rejected-ac07@example.com"))
    (notice,) = await house.wait_for(1)
    assert (notice.kind, notice.reason_code) == (NoticeKind.REJECTED, "AC07")

    lost = refund_of("lost@example.com")
    with pytest.raises(Unknown):
        await link.provider.send_refund(lost)
    await eventually(lambda: is_settled(link.provider, lost.return_id))


async def test_a_refund_that_spi_would_refuse_is_rejected_with_its_code(link: Link) -> None:
    malformed = msgspec.structs.replace(refund_of(""), end_to_end_id="E" + "9" * 31)
    answer = await link.provider.send_refund(malformed)
    assert answer == OrderAnswer(state="rejected", reason_code="FF08")


@pytest.mark.parametrize(("word", "amount"), [("returned", 4_001), ("returned-half", 2_001)])
async def test_a_payment_that_comes_back_is_confirmed_and_then_returned(
    link: Link, house: House, word: str, amount: int
) -> None:
    end_to_end_id, _ = await link.order(f"{word}@example.com", 4_001)

    confirmed, returned = await house.wait_for(2)

    assert confirmed.kind is NoticeKind.CONFIRMED
    assert returned.kind is NoticeKind.RETURNED
    assert (returned.end_to_end_id, returned.amount) == (end_to_end_id, amount)
    assert returned.return_id is not None
    assert returned.return_id.startswith("D")


async def test_the_same_order_twice_is_one_order(link: Link, house: House) -> None:
    payout = payout_to("confirmed@example.com")
    await link.provider.send(payout)
    await house.wait_for(1)

    assert await link.provider.send(payout) == OrderAnswer(state="settled")
    statistics = await link.control.statistics()
    assert (statistics.orders, statistics.orders_repeated) == (1, 1)
    assert len(house.notices) == 1


async def test_another_order_under_a_used_end_to_end_id_is_unknown_never_accepted(
    link: Link,
) -> None:
    payout = payout_to("confirmed@example.com")
    await link.provider.send(payout)

    with pytest.raises(Unknown):
        await link.provider.send(msgspec.structs.replace(payout, amount=1))


async def test_an_order_that_spi_would_refuse_is_rejected_with_its_code(link: Link) -> None:
    payout = payout_to("confirmed@example.com")
    malformed = msgspec.structs.replace(payout, end_to_end_id="X" * 32)

    assert await link.provider.send(malformed) == OrderAnswer(state="rejected", reason_code="FF08")
    assert await link.provider.send(msgspec.structs.replace(payout, amount=0)) == OrderAnswer(
        state="rejected", reason_code="AM01"
    )


async def test_an_order_with_a_wrong_signature_is_certainly_not_accepted(
    port: int, link: Link
) -> None:
    payout = payout_to("confirmed@example.com")

    with pytest.raises(Unavailable, match="401"):
        await provider_at(port, secret="a guess").send(payout)

    assert (await link.control.order(payout.end_to_end_id)).state == "not_found"


# The adapter against a provider in trouble.


async def trouble(nursery: trio.Nursery, status: int, body: bytes) -> SimulatorProvider:
    async def answer(request: Request) -> Response:
        del request
        return Response(status=status, body=body)

    listeners = await bind("127.0.0.1", 0, name="trouble")
    nursery.start_soon(serve_http, answer, listeners)
    return provider_at(port_of(listeners))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b'{"state":"perhaps"}'),
        (202, b'{"state":"not_found"}'),
        (302, b""),
        (404, b"no such route"),
        (422, b"from a proxy"),
        (500, b"{}"),
        (502, b"bad gateway"),
        (503, b"from a proxy, which may have passed the order on"),
        (504, b""),
    ],
)
async def test_an_answer_that_does_not_decide_is_unknown(
    status: int, body: bytes, nursery: trio.Nursery
) -> None:
    provider = await trouble(nursery, status, body)

    with pytest.raises(Unknown):
        await provider.send(payout_to("confirmed@example.com"))


async def test_a_provider_that_says_it_has_no_room_was_not_given_the_order(
    nursery: trio.Nursery,
) -> None:
    provider = await trouble(nursery, 503, b'{"code":"unavailable","message":"full"}')

    with pytest.raises(Unavailable, match="full"):
        await provider.send(payout_to("confirmed@example.com"))


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"no such route"), (404, b'{"state":"settled"}'), (200, b'{"state":"not_found"}')],
)
async def test_only_a_clear_not_found_is_a_lost_order(
    status: int, body: bytes, nursery: trio.Nursery
) -> None:
    provider = await trouble(nursery, status, body)

    with pytest.raises(Unavailable):
        await provider.enquire(payout_to("confirmed@example.com").end_to_end_id)


async def test_nobody_listening_is_unavailable_for_every_question() -> None:
    listeners = await bind("127.0.0.1", 0, name="gone")
    provider = provider_at(port_of(listeners))
    for one in listeners:
        await one.aclose()
    payout = payout_to("confirmed@example.com")

    for question in (
        lambda: provider.send(payout),
        lambda: provider.enquire(payout.end_to_end_id),
        lambda: provider.look_up("somebody@example.com"),
    ):
        with pytest.raises(Unavailable):
            await question()  # type: ignore[no-untyped-call]


async def test_an_answer_that_does_not_come_in_time_is_unknown(nursery: trio.Nursery) -> None:
    async def never(request: Request) -> Response:
        del request
        await trio.sleep_forever()
        raise AssertionError

    listeners = await bind("127.0.0.1", 0, name="never")
    nursery.start_soon(serve_http, never, listeners)
    provider = provider_at(port_of(listeners), seconds_max=0.05)

    with pytest.raises(Unknown):
        await provider.send(payout_to("confirmed@example.com"))
    with pytest.raises(Unavailable):
        await provider.enquire(payout_to("confirmed@example.com").end_to_end_id)


# DICT.


@pytest.mark.parametrize(
    ("key", "normalised", "kind"),
    [
        ("Somebody+x@Example.com", "somebody+x@example.com", "EMAIL"),
        ("+5511987654321", "+5511987654321", "PHONE"),
        ("123.456.789-09", "12345678909", "CPF"),
    ],
)
async def test_every_well_formed_key_has_an_owner(
    key: str, normalised: str, kind: str, link: Link
) -> None:
    owner = await link.provider.look_up(key)

    assert owner == Recipient(
        pix_key=normalised,
        pix_key_type=kind,
        name="Fulano de Tal",
        document="***.***.789-**",
        ispb="99999004",
    )


async def test_an_unknown_key_has_none_and_a_malformed_one_is_refused(link: Link) -> None:
    assert await link.provider.look_up("unknown@example.com") is None
    with pytest.raises(Refused):
        await link.provider.look_up("nonsense")


# People who pay.


def br_code(**changed: object) -> str:
    fields = {
        "key": "shop@example.com",
        "amount": 15_000,
        "txid": "01J00000000000000000000AB",
        "merchant_name": "A Shop",
        "merchant_city": "RECIFE",
        **changed,
    }
    return brcode.build(**fields)  # type: ignore[arg-type]


async def test_paying_a_br_code_notifies_its_institution(link: Link, house: House) -> None:
    paid = await link.control.pay(ispb=ISPB, br_code=br_code())

    (notice,) = await house.wait_for(1)
    assert paid.end_to_end_id.startswith("E99999004")
    assert notice.kind is NoticeKind.RECEIVED
    assert notice.end_to_end_id == paid.end_to_end_id
    assert (notice.amount, notice.pix_key) == (15_000, "shop@example.com")
    assert notice.txid == "01J00000000000000000000AB"
    assert notice.payer is not None


async def test_a_payer_may_pay_another_amount_and_its_notice_come_in_copies(
    link: Link, house: House
) -> None:
    paid = await link.control.pay(ispb=OTHER_ISPB, br_code=br_code(), amount=1, copies=3)

    notices = await house.wait_for(3)
    assert {(one.end_to_end_id, one.amount) for one in notices} == {(paid.end_to_end_id, 1)}
    assert sorted(Counter(one.event_id for one in notices).values()) == [1, 2]


async def test_a_key_is_paid_without_any_code(link: Link, house: House) -> None:
    paid = await link.control.pay_key(ispb=ISPB, pix_key="shop@example.com", amount=7)

    (notice,) = await house.wait_for(1)
    assert (notice.end_to_end_id, notice.txid) == (paid.end_to_end_id, None)


@pytest.mark.parametrize(
    "wanted",
    [
        {"ispb": ISPB, "br_code": br_code()[:-1] + "0"},
        {"ispb": ISPB, "br_code": br_code(amount=None)},
        {"ispb": ISPB, "br_code": br_code(key=None, url="psp.example.com/1")},
        {"ispb": "00000000", "br_code": br_code()},
    ],
)
async def test_what_cannot_be_paid_is_refused(
    wanted: dict[str, str], link: Link, house: House
) -> None:
    with pytest.raises(Refused):
        await link.control.pay(**wanted)
    with pytest.raises(Refused):
        await link.control.pay_many([PayBrCode(ispb=ISPB, br_code=br_code()), PayBrCode(**wanted)])

    assert (await link.control.statistics()).payments_made == 0
    assert house.notices == []


# Notices.


async def test_many_notices_travel_together(link: Link, house: House) -> None:
    paid = await link.control.pay_many([PayBrCode(ispb=ISPB, br_code=br_code())] * 300)

    notices = await house.wait_for(300)
    assert {one.end_to_end_id for one in notices} == {one.end_to_end_id for one in paid}
    assert max(house.calls) == 50
    assert len(house.calls) < 20


async def test_notices_are_repeated_until_they_are_taken(link: Link, house: House) -> None:
    house.answers = [503, 500, 401]

    paid = await link.control.pay(ispb=ISPB, br_code=br_code())

    assert [one.end_to_end_id for one in await house.wait_for(1)] == [paid.end_to_end_id]
    assert len(house.calls) == 4


async def test_a_notice_that_is_refused_does_not_hold_up_the_others(
    link: Link, house: House
) -> None:
    bad = await link.control.pay(ispb=ISPB, br_code=br_code())
    await house.wait_for(1)
    house.refuses = bad.end_to_end_id
    house.notices.clear()
    order = payout_to("confirmed@example.com")
    good = await link.control.pay_many([PayBrCode(ispb=ISPB, br_code=br_code())] * 10)
    house.refuses = good[3].end_to_end_id
    await link.provider.send(order)

    others = {one.end_to_end_id for one in good} - {house.refuses} | {order.end_to_end_id}
    assert {one.end_to_end_id for one in await house.wait_for(10)} == others
    house.refuses = None
    assert len(await house.wait_for(11)) == 11


# Accidents of the provider.


async def until_killed(config: SimulatorConfig, use: Callable[[int], Awaitable[None]]) -> None:
    """Run the simulator in a process of its own, use it, and kill it with -9."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "fluxiq.providers.simulator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            await process.stdin.send_all(msgspec.json.encode(config))
            await process.stdin.aclose()
            said = await process.stdout.receive_some()
            await use(msgspec.json.decode(said)["port"])
    finally:
        process.kill()
        await process.wait()
        await process.stdout.aclose()


async def test_a_killed_provider_remembers_its_orders_and_what_it_owes(
    house: House, tmp_path: Path, nursery: trio.Nursery
) -> None:
    """Killed with an order open, a notice owed that nobody takes, and half a line written."""
    house.answers = [503] * 1_000
    config = house.config(tmp_path, confirm_seconds=0.05, slow_seconds=0.2)
    settled, slow = payout_to("confirmed@example.com"), payout_to("slow@example.com")

    async def use(port: int) -> None:
        provider = provider_at(port)
        await provider.send(settled)
        await provider.send(slow)
        await eventually(lambda: is_settled(provider, settled.end_to_end_id))

    await until_killed(config, use)
    journal = trio.Path(config.journal)
    await journal.write_bytes(await journal.read_bytes() + b'{"type":"accep')

    house.answers = []
    port: int = await nursery.start(serve, config)
    notices = await house.wait_for(2)
    assert {one.end_to_end_id for one in notices} == {
        settled.end_to_end_id,
        slow.end_to_end_id,
    }
    assert (await provider_at(port).send(settled)).state == "settled"


async def test_notices_that_were_taken_are_not_sent_again_after_a_restart(
    house: House, tmp_path: Path
) -> None:
    config = house.config(tmp_path)

    async def use(port: int) -> None:
        async with SimulatorControl.open(f"http://127.0.0.1:{port}") as control:
            await control.pay(ispb=ISPB, br_code=br_code())
            await eventually(lambda: owes_nothing(control))

    await until_killed(config, use)
    await until_killed(config, use)

    assert len(house.notices) == 2
    assert len({one.event_id for one in house.notices}) == 2


async def test_one_journal_belongs_to_one_provider(port: int, house: House, tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="belongs to another simulator"):
        await serve(house.config(tmp_path))


async def test_a_broken_journal_is_refused_by_its_line(house: House, tmp_path: Path) -> None:
    config = house.config(tmp_path)
    await trio.Path(config.journal).write_bytes(b'{"type":"ended","end_to_end_id":"E"}\nnonsense\n')

    with pytest.raises(StartRefused, match="line 2"):
        await serve(config)


async def test_a_full_disk_refuses_orders_and_leaves_the_journal_whole(
    port: int, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / "journal").read_bytes()
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:10]))
    payout = payout_to("slow@example.com")

    with pytest.raises(Unavailable, match="No space left"):
        await link.provider.send(payout)
    monkeypatch.undo()

    assert (tmp_path / "journal").read_bytes() == before
    assert (await link.provider.send(payout)).state == "accepted"


async def test_a_provider_that_owes_too_much_takes_no_more(
    house: House, tmp_path: Path, nursery: trio.Nursery
) -> None:
    house.answers = [503] * 1_000
    port: int = await nursery.start(serve, house.config(tmp_path, owing_max=2))
    provider = provider_at(port)
    await provider.send(payout_to("slow@example.com"))
    await provider.send(payout_to("slow@example.com"))

    with pytest.raises(Unavailable, match="too many notices"):
        await provider.send(payout_to("slow@example.com"))


# Statements.


async def statement(
    provider: SimulatorProvider, since: datetime | None = None
) -> list[StatementLine]:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    window = Window(since or now - hour, now + hour)
    lines: list[StatementLine] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await provider.statement(window, cursor)
        lines += page.lines
        cursor = page.next_cursor
    return lines


async def said_of(link: Link) -> list[tuple[Flow, str, int]]:
    return [(one.flow, one.id, one.amount) for one in await statement(link.provider)]


async def test_the_statement_has_what_settled_once_and_nothing_else(
    link: Link, house: House
) -> None:
    sent, _ = await link.order("duplicate@example.com", 4_099)
    await link.order("rejected-ac03@example.com")
    returned, _ = await link.order("returned-half@example.com", 10_01)
    refund = refund_of("")
    await link.provider.send_refund(refund)
    paid = await link.control.pay_key(ispb=ISPB, pix_key="a@b.example", amount=7_00)
    await link.control.pay_key(ispb=OTHER_ISPB, pix_key="a@b.example", amount=8_00)
    notices = await house.wait_for(9)
    [back] = [one for one in notices if one.kind is NoticeKind.RETURNED]

    assert sorted(await said_of(link)) == sorted(
        [
            (Flow.SENT, sent, 4_099),
            (Flow.SENT, returned, 10_01),
            (Flow.RETURNED, back.return_id, 5_01),
            (Flow.REFUNDED, refund.return_id, refund.amount),
            (Flow.RECEIVED, paid.end_to_end_id, 7_00),
        ]
    )


async def test_money_of_which_nobody_is_told_is_in_the_statement(link: Link, house: House) -> None:
    paid = await link.control.pay_key(ispb=ISPB, pix_key="a@b.example", amount=7_00, is_told=False)

    [line] = await statement(link.provider)
    assert (line.id, line.pix_key) == (paid.end_to_end_id, "a@b.example")
    assert line.payer is not None
    assert await owes_nothing(link.control)
    assert house.notices == []


async def test_a_line_can_be_missing_doubled_or_of_another_amount(link: Link) -> None:
    paid = await link.control.pay_key(ispb=ISPB, pix_key="a@b.example", amount=7_00)
    name = paid.end_to_end_id

    async def with_fault(fault: StatementFault) -> list[int]:
        await link.control.falsify(ispb=ISPB, line_id=name, fault=fault, amount=9_99)
        return [amount for _, _, amount in await said_of(link)]

    assert await with_fault(StatementFault.MISSING) == []
    assert await with_fault(StatementFault.DOUBLED) == [7_00, 7_00]
    assert await with_fault(StatementFault.AMOUNT) == [9_99]
    assert await with_fault(StatementFault.NONE) == [7_00]
    with pytest.raises(Refused, match="has not settled here"):
        await link.control.falsify(ispb=OTHER_ISPB, line_id=name, fault=StatementFault.MISSING)


async def test_a_long_statement_comes_in_pages(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "LINES_PER_PAGE", 2)
    for amount in range(1, 6):
        await link.control.pay_key(ispb=ISPB, pix_key="a@b.example", amount=amount)

    assert [amount for _, _, amount in await said_of(link)] == [1, 2, 3, 4, 5]
    assert await statement(link.provider, datetime.now(UTC) + timedelta(seconds=1)) == []


async def test_the_statement_is_for_its_customer_and_needs_a_signature(
    port: int, link: Link
) -> None:
    await link.control.pay_key(ispb=ISPB, pix_key="a@b.example", amount=7_00)

    with pytest.raises(Unavailable, match="401"):
        await statement(provider_at(port, secret="another"))


async def test_a_statement_survives_its_provider(house: House, tmp_path: Path) -> None:
    async def told(*expected: str) -> list[tuple[Flow, str, int]]:
        async with trio.open_nursery() as nursery:
            port: int = await nursery.start(serve, house.config(tmp_path))
            async with SimulatorControl.open(f"http://127.0.0.1:{port}") as control:
                link = Link(provider_at(port), control)
                if not expected:
                    await link.order("returned@example.com")
                    for is_told in (True, False):
                        await control.pay_key(
                            ispb=ISPB, pix_key="a@b.example", amount=7_00, is_told=is_told
                        )
                    await house.wait_for(3)
                said = await said_of(link)
            nursery.cancel_scope.cancel()
        return said

    before = await told()
    assert len(before) == 4
    assert await told("again") == before


# In a process of its own.


async def test_it_stops_in_order_on_sigterm(house: House, tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "fluxiq.providers.simulator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    async with process.stdin, process.stdout:
        await process.stdin.send_all(msgspec.json.encode(house.config(tmp_path)))
        await process.stdin.aclose()
        await process.stdout.receive_some()
        process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE_SECONDS):
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"port": "x"}, "at `$.port`"),
        ({"host": "203.0.113.1"}, "cannot serve the provider simulator on 203.0.113.1"),
        ({"journal": "/proc/none"}, "cannot open the journal"),
    ],
)
async def test_a_start_that_cannot_be_is_one_sentence(
    change: dict[str, object], sentence: str, house: House, tmp_path: Path
) -> None:
    config = {**msgspec.to_builtins(house.config(tmp_path)), **change}

    done = await trio.run_process(
        [sys.executable, "-m", "fluxiq.providers.simulator"],
        stdin=msgspec.json.encode(config),
        capture_stderr=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert done.returncode == 1
    assert sentence in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1

"""Contests between the simulator and its customer, over HTTP: decided, lost, after a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from fluxiq.domain.contest import Contest, ContestAnswer, ContestStatus, ContestWord
from fluxiq.domain.identifiers import build_end_to_end_id
from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Notice, NoticeKind, Payout, PayoutStage, Recipient
from fluxiq.errors import Unknown
from fluxiq.http1 import HttpClient, Request, Response, bind, port_of, serve_http, tcp_connector
from fluxiq.providers.contest_api import NOT_OFFERED
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator import Customer, SimulatorConfig, serve
from fluxiq.providers.simulator_client import SimulatorProvider, parse_notices
from tests.support.patience import PATIENCE_SECONDS

ISPB, OTHER_ISPB, SECRET = "12345678", "87654321", "secret of both"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
W = ContestWord


class Desk:
    """A customer that takes every notice; `others` is somebody else's link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices: list[Notice] = []
        self.provider: SimulatorProvider
        self.others: SimulatorProvider

    async def take(self, request: Request) -> Response:
        self.notices += parse_notices(request.body)
        return Response(status=200)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """A provider with this journal, until the end of the block."""
        async with trio.open_nursery() as nursery:
            listeners = await bind("127.0.0.1", 0, name="the institution")
            nursery.start_soon(serve_http, self.take, listeners)
            url = f"http://127.0.0.1:{port_of(listeners)}/notices"
            config = SimulatorConfig(
                journal=str(self.folder / "journal"),
                customers=tuple(
                    Customer(ispb=ispb, secret=SECRET, notices_url=url)
                    for ispb in (ISPB, OTHER_ISPB)
                ),
                slow_seconds=0.01,
            )
            port: int = await nursery.start(serve, config)
            connect = tcp_connector("127.0.0.1", port)
            client = HttpClient(connect, f"127.0.0.1:{port}", connections_max=2)
            async with client:
                self.provider, self.others = (
                    SimulatorProvider(
                        client,
                        ispb=ispb,
                        signature=HmacSignature(SECRET),
                        seconds_max=PATIENCE_SECONDS,
                    )
                    for ispb in (ISPB, OTHER_ISPB)
                )
                yield
            nursery.cancel_scope.cancel()

    async def paid(self, key: str = "confirmed@example.com") -> Payout:
        made = Payout(
            id="pay_1",
            merchant_id="mch_1",
            account_id="acc_1",
            end_to_end_id=build_end_to_end_id(ISPB, NOW, "abcdefghijk"),
            amount=10_01,
            description="",
            recipient=Recipient(pix_key=key, pix_key_type="EMAIL", name="A", ispb="99999004"),
            stage=PayoutStage.HELD,
            created_at=NOW,
            updated_at=NOW,
        )
        await self.provider.send(made)
        await self.heard(NoticeKind.CONFIRMED)
        return made

    async def heard(self, kind: NoticeKind) -> Notice:
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                found = [one for one in self.notices if one.kind is kind]
                if found:
                    return found[-1]
                await trio.sleep(0.01)

    async def ends(self, contest: Contest) -> ContestWord:
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                word = (await self.provider.find_contest(contest.id)).word
                if word is not W.ACKNOWLEDGED:
                    return word
                await trio.sleep(0.01)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    async with made.open():
        yield made


def contest(of: Payout, details: str) -> Contest:
    return Contest(
        id="cts_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
        payout_id=of.id,
        merchant_id=of.merchant_id,
        account_id=of.account_id,
        end_to_end_id=of.end_to_end_id,
        amount=of.amount,
        reason=MedReason.ACCOUNT_TAKEOVER,
        details=details,
        status=ContestStatus.REPORTING,
        provider="simulator",
        opened_by="key_1",
        created_at=NOW,
        updated_at=NOW,
        due_at=NOW,
    )


@pytest.mark.parametrize(("details", "back"), [("slow@x", 10_01), ("they say", 10_01)])
async def test_it_is_acknowledged_at_once_then_agreed_and_the_money_comes_back(
    desk: Desk, details: str, back: int
) -> None:
    made = contest(await desk.paid(), details)
    for _ in range(2):
        answer = await desk.provider.report_contest(made)
        assert answer.word in {W.ACKNOWLEDGED, W.ACCEPTED}
    assert await desk.ends(made) is W.ACCEPTED
    returned = await desk.heard(NoticeKind.RETURNED)
    assert (returned.amount, returned.reason_code) == (back, "FR01")
    late = await desk.provider.cancel_contest(made.id)
    assert late == ContestAnswer(W.REFUSED, "conflict")


async def test_half_of_what_is_left_comes_back(desk: Desk) -> None:
    made = contest(await desk.paid(), "half@x")
    await desk.provider.report_contest(made)
    assert (await desk.heard(NoticeKind.RETURNED)).amount == 5_01


async def test_it_may_be_disagreed_and_nothing_comes_back(desk: Desk) -> None:
    made = contest(await desk.paid(), "disagreed@x")
    await desk.provider.report_contest(made)
    assert await desk.ends(made) is W.REJECTED
    assert not [one for one in desk.notices if one.kind is NoticeKind.RETURNED]


async def test_it_is_refused_and_so_is_one_of_no_payment_of_ours(desk: Desk) -> None:
    paid = await desk.paid()
    refused = await desk.provider.report_contest(contest(paid, "refused@x"))
    assert refused == ContestAnswer(W.REFUSED, "contest_refused")
    unpaid = replace(paid, end_to_end_id=build_end_to_end_id(ISPB, NOW, "somethingel"))
    for made in (contest(unpaid, ""), replace(contest(paid, ""), amount=1)):
        answer = await desk.provider.report_contest(made)
        assert answer == ContestAnswer(W.REFUSED, "payment_not_found")
    assert (await desk.provider.find_contest(contest(paid, "").id)).word is W.UNKNOWN


async def test_a_lost_answer_is_unknown_and_the_question_finds_it(desk: Desk) -> None:
    made = contest(await desk.paid(), "lost@x")
    with pytest.raises(Unknown):
        await desk.provider.report_contest(made)
    assert (await desk.provider.find_contest(made.id)).word is W.ACKNOWLEDGED


async def test_it_is_taken_back_and_stays_so_whoever_else_asks(desk: Desk) -> None:
    made = contest(await desk.paid(), "silent@x")
    await desk.provider.report_contest(made)
    assert (await desk.others.find_contest(made.id)).word is W.UNKNOWN
    assert (await desk.others.cancel_contest(made.id)).word is W.UNKNOWN
    for _ in range(2):
        assert (await desk.provider.cancel_contest(made.id)).word is W.CANCELLED
    assert (await desk.provider.report_contest(made)).word is W.CANCELLED


async def test_after_a_restart_it_is_known_and_decided(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with desk.open():
        made = contest(await desk.paid(), "they say")
        await desk.provider.report_contest(made)
    async with desk.open():
        assert (await desk.provider.find_contest(made.id)).word is not W.UNKNOWN
        assert await desk.ends(made) is W.ACCEPTED
        assert (await desk.heard(NoticeKind.RETURNED)).amount == 10_01
    async with desk.open():
        assert (await desk.provider.find_contest(made.id)).word is W.ACCEPTED


async def test_a_link_that_takes_none_refuses_before_anything_is_sent(desk: Desk) -> None:
    made = contest(await desk.paid(), "")
    desk.provider._contests_path = ""
    for answer in (
        await desk.provider.report_contest(made),
        await desk.provider.cancel_contest(made.id),
    ):
        assert answer == ContestAnswer(W.REFUSED, NOT_OFFERED)
    assert (await desk.provider.find_contest(made.id)).word is W.UNKNOWN

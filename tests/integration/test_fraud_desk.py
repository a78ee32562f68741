"""Reports of fraud between the simulator and its customer, over HTTP, faults included."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from fluxiq.domain.identifiers import build_return_id
from fluxiq.domain.infraction import InfractionStatus
from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Notice, NoticeKind, PayoutStage, Refund, RefundReason
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.http1 import HttpClient, Request, Response, bind, port_of, serve_http, tcp_connector
from fluxiq.providers.order_messages import AnalysisResult, InfractionState, Situation
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator import Customer, SimulatorConfig, SimulatorControl, serve
from fluxiq.providers.simulator_client import SimulatorProvider, parse_notices
from tests.support.patience import PATIENCE_SECONDS

ISPB, OTHER_ISPB, SECRET = "12345678", "87654321", "secret of both"
PAID = "E99999004202611222100abcdefghijk"
T = InfractionStatus


class Desk:
    """A customer that takes every notice, its link to the provider, and who reports there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices: list[Notice] = []
        self.control: SimulatorControl
        self.provider: SimulatorProvider
        self.other: SimulatorProvider

    async def take(self, request: Request) -> Response:
        HmacSignature(SECRET).verify(request.headers, request.body, datetime.now(UTC))
        self.notices += parse_notices(request.body)
        return Response(status=200)

    async def heard(self, count: int) -> list[Notice]:
        with trio.fail_after(PATIENCE_SECONDS):
            while len(self.notices) < count:  # noqa: ASYNC110 - behind a socket, rings no bell
                await trio.sleep(0.01)
        return self.notices

    async def open(self, nursery: trio.Nursery) -> int:
        """The port of a provider with this journal."""
        listeners = await bind("127.0.0.1", 0, name="the institution")
        nursery.start_soon(serve_http, self.take, listeners)
        customers = tuple(
            Customer(
                ispb=ispb,
                secret=SECRET,
                notices_url=f"http://127.0.0.1:{port_of(listeners)}/{ispb}/notices",
            )
            for ispb in (ISPB, OTHER_ISPB)
        )
        config = SimulatorConfig(journal=str(self.folder / "journal"), port=0, customers=customers)
        port: int = await nursery.start(serve, config)
        return port


@pytest.fixture
async def desk(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    port = await made.open(nursery)
    async with (
        SimulatorControl.open(f"http://127.0.0.1:{port}") as made.control,
        link_to(port) as client,
    ):
        made.provider, made.other = (provider_of(client, ispb) for ispb in (ISPB, OTHER_ISPB))
        yield made


def link_to(port: int) -> HttpClient:
    return HttpClient(tcp_connector("127.0.0.1", port), "psp.test", connections_max=4)


def provider_of(
    client: HttpClient, ispb: str = ISPB, seconds_max: float = 5.0
) -> SimulatorProvider:
    return SimulatorProvider(
        client, ispb=ispb, signature=HmacSignature(SECRET), seconds_max=seconds_max
    )


async def test_a_report_is_told_and_answered(desk: Desk) -> None:
    made = await desk.control.report_fraud(
        ispb=ISPB, end_to_end_id=PAID, situation=Situation.COERCION, details="at the door"
    )
    [notice] = await desk.heard(1)
    assert (notice.kind, notice.end_to_end_id, notice.amount) == (NoticeKind.INFRACTION, PAID, 0)
    said = notice.infraction
    assert said is not None
    assert (said.number, said.reason, said.details) == (made.id, MedReason.COERCION, "at the door")

    assert await desk.provider.find_infraction(made.id) is T.OPEN
    assert await desk.provider.acknowledge_infraction(made.id) is T.ACKNOWLEDGED
    assert await desk.provider.close_infraction(made.id, agreed=False) is T.DISAGREED
    assert await desk.provider.close_infraction(made.id, agreed=True) is T.DISAGREED, "for ever"
    shown = await desk.control.fraud(made.id)
    assert (shown.status, shown.result) == (InfractionState.CLOSED, AnalysisResult.DISAGREED)


async def test_nothing_is_closed_before_it_is_acknowledged(desk: Desk) -> None:
    made = await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID)
    assert await desk.provider.close_infraction(made.id, agreed=True) is T.OPEN


async def test_copies_are_one_report_in_several_events(desk: Desk) -> None:
    made = await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID, copies=3)
    notices = await desk.heard(3)
    assert {one.infraction.number for one in notices if one.infraction} == {made.id}
    assert sorted(Counter(one.event_id for one in notices).values()) == [1, 2]


@pytest.mark.parametrize("withdrawn", ["first", "last"])
async def test_a_withdrawal_is_told_before_or_after_its_report(desk: Desk, withdrawn: str) -> None:
    made = await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID, withdrawn=withdrawn)  # type: ignore[arg-type]
    kinds = [one.kind for one in await desk.heard(2)]
    order = [NoticeKind.INFRACTION, NoticeKind.INFRACTION_WITHDRAWN]
    assert kinds == (order if withdrawn == "last" else order[::-1])
    assert await desk.provider.acknowledge_infraction(made.id) is T.CANCELLED


async def test_who_reported_takes_it_back_until_it_is_closed(desk: Desk) -> None:
    made, other = [await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID) for _ in range(2)]
    assert (await desk.control.withdraw_fraud(made.id)).status is InfractionState.CANCELLED
    kinds = [one.kind for one in await desk.heard(3)]
    assert kinds.count(NoticeKind.INFRACTION_WITHDRAWN) == 1

    await desk.provider.acknowledge_infraction(other.id)
    await desk.provider.close_infraction(other.id, agreed=True)
    with pytest.raises(Refused):
        await desk.control.withdraw_fraud(other.id)


async def test_a_first_word_whose_answer_is_lost_is_unknown_and_was_heard(desk: Desk) -> None:
    made = await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID, details="lost@nowhere")
    with pytest.raises(Unknown):
        await desk.provider.acknowledge_infraction(made.id)
    assert await desk.provider.find_infraction(made.id) is T.ACKNOWLEDGED
    assert await desk.provider.acknowledge_infraction(made.id) is T.ACKNOWLEDGED


async def test_what_was_reported_decides_how_a_return_for_fraud_fares(desk: Desk) -> None:
    await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID, details="rejected-ac07@nowhere")
    for number, (reason, ends) in enumerate(
        [(RefundReason.FRAUD, "rejected"), (RefundReason.CUSTOMER, "settled")]
    ):
        refund = refund_of(number, reason)
        await desk.provider.send_refund(refund)
        with trio.fail_after(PATIENCE_SECONDS):
            while (answer := await desk.provider.enquire(refund.return_id)).state == "accepted":  # noqa: ASYNC110 - as above
                await trio.sleep(0.01)
        assert answer.state == ends


def refund_of(number: int, reason: RefundReason) -> Refund:
    now = datetime.now(UTC)
    return Refund(
        id=f"ref_{number}",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id=PAID,
        return_id=build_return_id(ISPB, now, f"{number:011d}"),
        charge_id=None,
        amount=100,
        reason=reason,
        description="MED",
        stage=PayoutStage.HELD,
        created_at=now,
        updated_at=now,
    )


async def test_a_report_is_its_customer_s_alone(desk: Desk) -> None:
    made = await desk.control.report_fraud(ispb=ISPB, end_to_end_id=PAID)
    assert await desk.other.find_infraction(made.id) is None
    assert await desk.other.acknowledge_infraction(made.id) is None
    assert await desk.provider.find_infraction("nothing") is None


async def test_a_report_of_no_end_to_end_id_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.control.report_fraud(ispb=ISPB, end_to_end_id="E1")


async def test_a_provider_that_was_killed_remembers_how_reports_stand(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with trio.open_nursery() as first:
        port = await desk.open(first)
        async with SimulatorControl.open(f"http://127.0.0.1:{port}") as control:
            made = await control.report_fraud(ispb=ISPB, end_to_end_id=PAID)
        async with link_to(port) as client:
            await provider_of(client).acknowledge_infraction(made.id)
        await desk.heard(1)
        first.cancel_scope.cancel()

    async with trio.open_nursery() as second:
        async with link_to(await desk.open(second)) as client:
            assert await provider_of(client).find_infraction(made.id) is T.ACKNOWLEDGED
        second.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"status": "PERHAPS"}, Unknown),
        (200, {"status": "CLOSED"}, Unknown),
        (404, None, Unknown),
        (404, {"code": "no_such_door", "message": "a lost route"}, Unavailable),
        (500, {"code": "broken", "message": "half way"}, Unknown),
        (503, {"code": "unavailable", "message": "later"}, Unavailable),
        (503, None, Unknown),
    ],
)
async def test_an_answer_that_says_nothing_is_no_answer(
    nursery: trio.Nursery, status: int, body: object, error: type[Exception]
) -> None:
    async def answer(request: Request) -> Response:
        del request
        return Response(status=status, body=json.dumps(body).encode())

    listeners = await bind("127.0.0.1", 0, name="trouble")
    nursery.start_soon(serve_http, answer, listeners)
    async with link_to(port_of(listeners)) as client:
        provider = provider_of(client)
        with pytest.raises(error):
            await provider.acknowledge_infraction("report-1")
        with pytest.raises(error):
            await provider.close_infraction("report-1", agreed=True)
        with pytest.raises(Unavailable):
            await provider.find_infraction("report-1")


async def test_nobody_there_is_unavailable(nursery: trio.Nursery) -> None:
    listeners = await bind("127.0.0.1", 0, name="nobody")
    port = port_of(listeners)
    for one in listeners:
        await one.aclose()
    async with link_to(port) as client:
        with pytest.raises(Unavailable):
            await provider_of(client).acknowledge_infraction("report-1")

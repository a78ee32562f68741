"""The hands of whoever plays with the simulator: demo, tests and benchmarks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from fluxiq.errors import Refused, Unavailable
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, tcp_connector
from fluxiq.providers.order_messages import ErrorReply, InfractionReply, OrderReply, Situation
from fluxiq.providers.simulator.messages import (
    PAYMENTS_PER_CALL_MAX,
    Falsify,
    FraudTold,
    Paid,
    PaidMany,
    PayBrCode,
    PayKey,
    PayMany,
    ReportFraud,
    SomePayer,
    StatementFault,
    Statistics,
)

CALL_SECONDS_MAX = 10.0
CONNECTIONS_MAX = 16
T = TypeVar("T")


class SimulatorControl:
    """All methods raise Unavailable without an answer, Refused with the simulator's refusal."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        parts = urlsplit(url)
        assert parts.hostname, f"{url!r} is not a URL"
        connect = tcp_connector(parts.hostname, parts.port or 80)
        async with HttpClient(connect, parts.netloc, connections_max=CONNECTIONS_MAX) as client:
            yield cls(client)

    async def pay(
        self,
        *,
        ispb: str,
        br_code: str,
        payer: SomePayer | None = None,
        amount: int | None = None,
        copies: int = 1,
        is_told: bool = True,
    ) -> Paid:
        """Somebody pays a BR Code of `ispb`; `amount` (centavos) overrides the code's."""
        wanted = PayBrCode(
            ispb=ispb,
            br_code=br_code,
            payer=payer or SomePayer(),
            amount=amount,
            copies=copies,
            is_told=is_told,
        )
        return await self._call("POST", "/pay", Paid, wanted)

    async def pay_many(self, payments: Sequence[PayBrCode]) -> list[Paid]:
        """Many people pay, a thousand per call."""
        paid: list[Paid] = []
        for start in range(0, len(payments), PAYMENTS_PER_CALL_MAX):
            some = PayMany(payments=tuple(payments[start : start + PAYMENTS_PER_CALL_MAX]))
            paid.extend((await self._call("POST", "/pay-many", PaidMany, some)).payments)
        return paid

    async def pay_key(
        self,
        *,
        ispb: str,
        pix_key: str,
        amount: int,
        payer: SomePayer | None = None,
        is_told: bool = True,
    ) -> Paid:
        """Somebody pays `amount` centavos to a key of `ispb`, without any code."""
        wanted = PayKey(
            ispb=ispb,
            pix_key=pix_key,
            amount=amount,
            payer=payer or SomePayer(),
            is_told=is_told,
        )
        return await self._call("POST", "/pay-key", Paid, wanted)

    async def falsify(
        self, *, ispb: str, line_id: str, fault: StatementFault, amount: int = 1
    ) -> None:
        """From now on the statement of `ispb` is wrong about what has this end-to-end or return id;
        `amount` is what it says with AMOUNT.
        """
        wanted = Falsify(ispb=ispb, id=line_id, fault=fault, amount=amount)
        await self._call("POST", "/statement-faults", Falsify, wanted)

    async def report_fraud(
        self,
        *,
        ispb: str,
        end_to_end_id: str,
        situation: Situation = Situation.SCAM,
        details: str = "",
        copies: int = 1,
        withdrawn: Literal["never", "last", "first"] = "never",
    ) -> FraudTold:
        """Somebody reports a payment to `ispb` as fraud; see `ReportFraud`."""
        wanted = ReportFraud(
            ispb=ispb,
            end_to_end_id=end_to_end_id,
            situation=situation,
            details=details,
            copies=copies,
            withdrawn=withdrawn,
        )
        return await self._call("POST", "/frauds", FraudTold, wanted)

    async def withdraw_fraud(self, report_id: str) -> InfractionReply:
        """The reporter takes it back. Raises Refused once it is closed."""
        return await self._call("POST", f"/frauds/{report_id}/withdraw", InfractionReply)

    async def fraud(self, report_id: str) -> InfractionReply:
        """How a report stands."""
        return await self._call("GET", f"/frauds/{report_id}", InfractionReply)

    async def order(self, end_to_end_id: str) -> OrderReply:
        """What became of an order: accepted, settled, rejected or not_found."""
        return await self._call("GET", f"/orders/{end_to_end_id}", OrderReply)

    async def statistics(self) -> Statistics:
        return await self._call("GET", "/statistics", Statistics)

    async def _call(self, method: str, target: str, kind: type[T], said: object = None) -> T:
        body = b"" if said is None else msgspec.json.encode(said)
        try:
            response = await self._client.request(
                method, target, body=body, seconds_max=CALL_SECONDS_MAX
            )
        except (NotSent, NoAnswer) as error:
            raise Unavailable("simulator", str(error)) from None
        try:
            return msgspec.json.decode(response.body, type=kind)
        except msgspec.DecodeError:
            why = msgspec.json.decode(response.body, type=ErrorReply)
            raise Refused(why.code, why.message) from None

"""The hands of whoever plays with the simulator: demo, tests and benchmarks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from fluxiq.errors import Refused, Unavailable
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, tcp_connector
from fluxiq.providers.order_messages import ErrorReply, OrderReply
from fluxiq.providers.simulator.messages import (
    PAYMENTS_PER_CALL_MAX,
    Paid,
    PaidMany,
    PayBrCode,
    PayKey,
    PayMany,
    SomePayer,
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
    ) -> Paid:
        """Somebody pays a BR Code of `ispb`; `amount` (centavos) overrides the code's."""
        wanted = PayBrCode(
            ispb=ispb, br_code=br_code, payer=payer or SomePayer(), amount=amount, copies=copies
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
        self, *, ispb: str, pix_key: str, amount: int, payer: SomePayer | None = None
    ) -> Paid:
        """Somebody pays `amount` centavos to a key of `ispb`, without any code."""
        wanted = PayKey(ispb=ispb, pix_key=pix_key, amount=amount, payer=payer or SomePayer())
        return await self._call("POST", "/pay-key", Paid, wanted)

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

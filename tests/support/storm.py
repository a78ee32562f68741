"""A storm of payments over every institution, by clients who insist until they know.

Each client has one thing to do: a payout under an idempotency key, or a charge which somebody then
pays at the simulator. Without a definite answer (no connection, 503, 409 in progress) it asks again
with the same key. What is accepted is written down; `tests.support.verdict` judges its end.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import trio

from fluxiq.commands.demo_data import Login
from fluxiq.couriers.sink import Sink
from fluxiq.errors import Unavailable
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, Response, tcp_connector
from fluxiq.providers.simulator import SimulatorControl
from tests.support.platform import PlatformProcess

# How the payees' keys fare at the simulator, see `fluxiq.providers.simulator.plan`.
WORDS = (
    *("confirmed", "slow", "rejected-ac03", "lost", "lost-never", "duplicate", "disorder"),
    *("silent", "confirmed", "slow"),
)
PAYOUTS = 30  # of each institution
CHARGES = 15
GUST_SECONDS = 1.2  # the clients of a storm arrive spread over this time
CALL_SECONDS_MAX = 4.0
PAUSE_SECONDS = 0.1
INSIST_SECONDS_MAX = 60.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A payout that the platform answered for with a 202."""

    ispb: str
    id: str
    end_to_end_id: str
    amount: int
    key: str


@dataclass(slots=True)
class Storm:
    """One storm. `name` keeps its idempotency keys apart from those of other storms."""

    platform: PlatformProcess
    sink: Sink
    name: str
    accepted: list[Accepted] = field(default_factory=list)
    charges: dict[str, str] = field(default_factory=dict)  # id -> ISPB, of those that were paid
    unclear: list[str] = field(default_factory=list)  # why clients had to ask again

    async def blow(self) -> None:
        """Until every client has its answer and every charge was paid."""
        client = Insistent(self.platform, self.unclear)
        with trio.fail_after(INSIST_SECONDS_MAX):
            async with trio.open_nursery() as nursery:
                for login in self.platform.logins.values():
                    for number in range(PAYOUTS):
                        nursery.start_soon(self._gust_of_payouts, client, login, number)
                    for number in range(CHARGES):
                        nursery.start_soon(self._gust_of_charges, client, login, number)

    async def until_under_way(self) -> list[Accepted]:
        """Until a good part was accepted; those of them whose end nobody has been told yet."""
        while len(self.accepted) < PAYOUTS * len(self.platform.logins) // 3:  # noqa: ASYNC110
            await trio.sleep(0.01)
        ended = {
            one.resource_id
            for one in list(self.sink.told.values())
            if one.type in {"pix.payout.confirmed", "pix.payout.failed"}
        }
        return [one for one in self.accepted if one.id not in ended]

    async def pay_out(
        self, client: "Insistent", login: Login, number: int, word: str = "confirmed"
    ) -> None:
        """Until it is accepted. The key's `word` decides how it fares at the provider."""
        key, amount = f"{self.name}-{number}", 1_00 + number
        payout = await client.post(
            login,
            "/pix/payouts",
            {"amount": amount, "recipient": {"pix_key": f"{word}+{key}@example.com"}},
            key,
        )
        assert payout["amount"] == amount, "the answer is for another request"
        self.accepted.append(
            Accepted(login.ispb, payout["id"], payout["end_to_end_id"], amount, key)
        )

    async def charge(self, client: "Insistent", login: Login, number: int) -> Json:
        """Until it is made."""
        return await client.post(
            login, "/pix/charges", {"amount": 10_00 + number}, f"{self.name}-charge-{number}"
        )

    async def be_paid(
        self, client: "Insistent", login: Login, charge: Json, *, copies: int = 1
    ) -> None:
        """Until the provider has taken the payment. It may tell us of it later."""
        await client.pay(login.ispb, charge["qr_code"], copies=copies)
        self.charges[charge["id"]] = login.ispb

    async def _gust_of_payouts(self, client: "Insistent", login: Login, number: int) -> None:
        await trio.sleep(GUST_SECONDS * number / PAYOUTS)
        await self.pay_out(client, login, number, WORDS[number % len(WORDS)])

    async def _gust_of_charges(self, client: "Insistent", login: Login, number: int) -> None:
        await trio.sleep(GUST_SECONDS * number / CHARGES)
        charge = await self.charge(client, login, number)
        await self.be_paid(client, login, charge, copies=1 + number % 3)


class Insistent:
    """A client that takes no silence for an answer."""

    def __init__(self, platform: PlatformProcess, unclear: list[str]) -> None:
        self._platform = platform
        self._unclear = unclear

    async def post(self, login: Login, path: str, body: Json, key: str) -> Json:
        """The `data` of a 2xx; a definite refusal fails the test."""
        while True:
            try:
                answer = await self._call(login, path, body, key)
            except (NotSent, NoAnswer) as error:
                await self._wait(f"{path}: {error!r}")
                continue

            said: Json = msgspec.json.decode(answer.body)
            if answer.status in {200, 201, 202}:
                data: Json = said["data"]
                return data
            code = said["error"]["code"]
            assert answer.status == 503 or code == "idempotency_in_progress", f"{key}: {said}"
            await self._wait(f"{path}: {code}")

    async def _call(self, login: Login, path: str, body: Json, key: str) -> Response:
        parts = urlsplit(self._platform.addresses.api)
        assert parts.hostname, "an API has an address"
        connect = tcp_connector(parts.hostname, parts.port or 80)
        async with HttpClient(connect, parts.netloc, connections_max=1) as http:
            return await http.request(
                "POST",
                f"/api/v1{path}",
                headers={
                    "authorization": f"Bearer {login.api_key}",
                    "idempotency-key": key,
                    "content-type": "application/json",
                },
                body=msgspec.json.encode(body),
                seconds_max=CALL_SECONDS_MAX,
            )

    async def pay(self, ispb: str, br_code: str, *, copies: int = 1) -> None:
        """Pay until the simulator says so; it may have been paid more than once then."""
        while True:
            simulator = self._platform.addresses.simulator
            assert simulator is not None
            try:
                async with SimulatorControl.open(simulator) as control:
                    await control.pay(ispb=ispb, br_code=br_code, copies=copies)
            except Unavailable as error:
                await self._wait(f"pay: {error}")
            else:
                return

    async def _wait(self, why: str) -> None:
        self._unclear.append(why)
        await trio.sleep(PAUSE_SECONDS)

"""A storm of payments over every institution, by clients who insist until they know.

Each client has one thing to do: a payout under an idempotency key, or a charge which somebody then
pays at the simulator. Without a definite answer (no connection, 5xx, 409 in progress) it asks again
with the same key. What is accepted is written down; `tests.support.verdict` judges what became of it.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio

from fluxiq.commands.demo_data import Login
from fluxiq.couriers.sink import Sink
from fluxiq.errors import Unavailable
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
FUNDS = 1_000_000_00

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
    begun: int = 0
    asked_again: int = 0

    async def blow(self) -> None:
        """Until every client has its answer and every charge was paid."""
        async with httpx.AsyncClient(timeout=CALL_SECONDS_MAX, trust_env=False) as http:
            self._http = http
            async with trio.open_nursery() as nursery:
                for login in self.platform.logins.values():
                    for number in range(PAYOUTS):
                        nursery.start_soon(self._pay_out, login, number)
                    for number in range(CHARGES):
                        nursery.start_soon(self._be_paid, login, number)

    async def until_under_way(self) -> list[Accepted]:
        """Until a good part was accepted; those of them whose end nobody has been told yet."""
        while len(self.accepted) < PAYOUTS * len(self.platform.logins) // 3:
            await trio.sleep(0.01)
        ended = {
            one.resource_id
            for one in self.sink.told.values()
            if one.type in {"pix.payout.confirmed", "pix.payout.failed"}
        }
        return [one for one in self.accepted if one.id not in ended]

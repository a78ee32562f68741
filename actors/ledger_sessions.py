"""The TigerBeetle sessions of this process, shared by all its institutions.

They are opened after the embedded servers have been started, and closed before those are stopped.
TigerBeetle being away is weather: the breaker sees it and goes on asking. A wrong address or
cluster id looks the same from outside, so the first question that gets no answer is said in full.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog
import trio

from actors.platform import Platform
from actors.slot import Slot
from fluxiq.domain.records import Balance, LedgerAccount, Transfer
from fluxiq.errors import StartRefused, Unavailable
from fluxiq.ledgers.tigerbeetle import Cluster, Sessions, TigerBeetleLedger, open_sessions
from fluxiq.settings import Ledger
from supervisors import ChildSpec, Context

STOP_SECONDS_MAX = 10.0  # the library takes up to 0.2 s for each session

_log = structlog.get_logger("ledger")


def ledger_sessions(platform: Platform, cluster: Cluster) -> ChildSpec:
    """Held open while the platform runs. Raises StartRefused for what can be no address."""
    settings = platform.settings.ledger

    async def start(context: Context) -> None:
        context.report(cluster=cluster.cluster, addresses=cluster.addresses)
        async with AsyncExitStack() as stack:
            try:
                sessions = await stack.enter_async_context(
                    open_sessions(cluster, count=settings.sessions)
                )
            except Unavailable as error:
                raise StartRefused(f"setting 'tigerbeetle.addresses': {error}") from error

            stack.enter_context(platform.sessions.filled(sessions))
            context.ready()
            await _check(context, sessions, settings.deadline_seconds)
            await trio.sleep_forever()

    return ChildSpec(id="sessions", start=start, shutdown=STOP_SECONDS_MAX)


async def look_up(platform: Platform) -> None:
    """One question under the deadline. Raises Unavailable.

    TigerBeetle puts a look-up through its log as it does a transfer, so it says as much.
    """
    await platform.sessions.get().probe(platform.settings.ledger.deadline_seconds)


class SharedTigerBeetle:
    """`parts.TigerBeetle` of one institution over the sessions that are open at each call."""

    def __init__(self, sessions: Slot[Sessions], ledger: int, settings: Ledger) -> None:
        self._sessions = sessions
        self._ledger = ledger
        self._settings = settings

    async def submit(self, records: bytes) -> bytes:
        return await self._now().submit(records)

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        step = self._settings.batch_max
        for start in range(0, len(accounts), step):
            await self._now().create_accounts(accounts[start : start + step])

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self._now().balances(account_ids)

    async def look_up_transfers(self, ids: Sequence[int]) -> list[Transfer]:
        return await self._now().look_up_transfers(ids)

    async def probe(self) -> None:
        await self._now().probe()

    def _now(self) -> TigerBeetleLedger:
        return TigerBeetleLedger(
            self._sessions.get(),
            self._ledger,
            deadline_seconds=self._settings.deadline_seconds,
            events_max=self._settings.batch_max,
        )


async def _check(context: Context, sessions: Sessions, seconds: float) -> None:
    try:
        await sessions.probe(seconds)
    except Unavailable as error:
        context.report(at_start="no answer")
        _log.error("tigerbeetle_does_not_answer", error=str(error))
    else:
        context.report(at_start="answered")
        _log.info("tigerbeetle_answers")

"""A provider behind a circuit breaker and a rate limit: the same port, so nobody else has to know.

Only outages count: no answer, or one that decides nothing. What a provider rejects, it has
answered. While the breaker is open every call is Unavailable at once, so an order stays held and is
tried again; then one call goes out as a probe.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
import trio
from msgspec import Struct

from fluxiq.domain.circuit import Circuit, CircuitPolicy, CircuitState
from fluxiq.domain.contest import Contest, ContestAnswer
from fluxiq.domain.infraction import InfractionStatus
from fluxiq.domain.reconciliation import Flow, Window
from fluxiq.domain.records import Notice, Payout, Recipient, Refund
from fluxiq.domain.token_bucket import Bucket, BucketSize, refilled, spend
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports import Callback, OrderAnswer, Provider, StatementPage
from fluxiq.ports.locations import LocationWanted
from fluxiq.settings.providers import LinkLimits

T = TypeVar("T")

PROBE_SECONDS = 1.0  # when to come again while a probe is under way

_log = structlog.get_logger("fluxiq.providers")


class Watcher(Protocol):
    """Who counts and shows what happens on a link. Never waits, never fails."""

    def called(self, operation: str, outcome: str) -> None:
        """`outcome`: answered, refused, unavailable, unknown, or held_back (nothing was tried)."""

    def circuit_changed(self, circuit: Circuit) -> None: ...


class GuardStatistics(Struct, frozen=True, kw_only=True):
    """How a link is guarded just now. `probe_after_seconds` until one call may go out as a probe,
    while the breaker is open; `calls_left` could leave at once before the rate holds them back.
    """

    breaker: CircuitState
    failures: int  # in a row
    probe_after_seconds: float | None
    requests_per_second: int
    calls_left: int


class GuardedProvider:
    """`ports.Provider` around another one."""

    def __init__(self, inner: Provider, limits: LinkLimits, *, name: str, watcher: Watcher) -> None:
        self._inner = inner
        self._name = name
        self._watcher = watcher
        self._policy = CircuitPolicy(
            failures=limits.breaker_failures,
            pause_seconds=limits.breaker_pause_seconds,
            pause_seconds_max=limits.breaker_pause_seconds_max,
        )
        self._circuit = Circuit()
        self._probing = False
        # A second's worth may go out at once.
        per_second = limits.requests_per_second
        self._size = BucketSize(capacity=per_second, per_minute=per_second * 60.0)
        self._bucket: Bucket | None = None
        self._wait_seconds_max = limits.wait_seconds_max

    @property
    def circuit(self) -> Circuit:
        """As it is now."""
        self._become(self._circuit.looked_at(trio.current_time()))
        return self._circuit

    def statistics(self) -> GuardStatistics:
        """Of the breaker and of the rate; asking changes neither."""
        circuit, now = self.circuit, trio.current_time()
        wait = max(circuit.until - now, 0.0) if circuit.state is CircuitState.OPEN else None
        return GuardStatistics(
            breaker=circuit.state,
            failures=circuit.failures,
            probe_after_seconds=wait,
            requests_per_second=self._size.capacity,
            calls_left=max(0, int(self._tokens(int(now * 1_000)))),
        )

    async def send(self, payout: Payout) -> OrderAnswer:
        return await self._pass("send", lambda: self._inner.send(payout))

    async def send_refund(self, refund: Refund) -> OrderAnswer:
        return await self._pass("send_refund", lambda: self._inner.send_refund(refund))

    async def enquire(self, order_id: str) -> OrderAnswer:
        return await self._pass("enquire", lambda: self._inner.enquire(order_id))

    async def look_up(self, key: str) -> Recipient | None:
        return await self._pass("look_up", lambda: self._inner.look_up(key))

    @property
    def statement_flows(self) -> frozenset[Flow]:
        return self._inner.statement_flows

    async def statement(self, window: Window, cursor: str) -> StatementPage:
        """Held back as every call is while the breaker is not closed, but no probe, and its
        failures do not count: payments do not stop because a listing does not come.
        """
        try:
            if self.circuit.state is not CircuitState.CLOSED:
                raise self._left_alone(PROBE_SECONDS)
            await self._pace()
        except Unavailable:
            self._watcher.called("statement", "held_back")
            raise
        try:
            page = await self._inner.statement(window, cursor)
        except Unavailable:
            self._watcher.called("statement", "unavailable")
            raise
        self._watcher.called("statement", "answered")
        return page

    @property
    def offers_locations(self) -> bool:
        return self._inner.offers_locations

    async def open_location(self, wanted: LocationWanted) -> str:
        return await self._pass("open_location", lambda: self._inner.open_location(wanted))

    async def close_location(self, txid: str) -> None:
        await self._pass("close_location", lambda: self._inner.close_location(txid))

    async def acknowledge_infraction(self, number: str) -> InfractionStatus | None:
        return await self._pass(
            "acknowledge_infraction", lambda: self._inner.acknowledge_infraction(number)
        )

    async def close_infraction(self, number: str, *, agreed: bool) -> InfractionStatus | None:
        return await self._pass(
            "close_infraction", lambda: self._inner.close_infraction(number, agreed=agreed)
        )

    async def find_infraction(self, number: str) -> InfractionStatus | None:
        return await self._pass("find_infraction", lambda: self._inner.find_infraction(number))

    async def report_contest(self, contest: Contest) -> ContestAnswer:
        return await self._pass("report_contest", lambda: self._inner.report_contest(contest))

    async def cancel_contest(self, contest_id: str) -> ContestAnswer:
        return await self._pass("cancel_contest", lambda: self._inner.cancel_contest(contest_id))

    async def find_contest(self, contest_id: str) -> ContestAnswer:
        return await self._pass("find_contest", lambda: self._inner.find_contest(contest_id))

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Not a call of ours: neither counted nor held back."""
        self._inner.verify_callback(callback, now)

    def parse_notices(self, body: bytes) -> list[Notice]:
        return self._inner.parse_notices(body)

    async def _pass(self, operation: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Raises Unavailable when nothing was tried, and what `attempt` raises."""
        try:
            self._require_open()
            await self._pace()
            probing = self._admit()
        except Unavailable:
            self._watcher.called(operation, "held_back")
            raise
        try:
            answer = await attempt()
        except Unavailable as error:
            self._failed(probing=probing, retry_after=error.retry_after)
            self._watcher.called(operation, "unavailable")
            raise
        except Unknown:
            self._failed(probing=probing)
            self._watcher.called(operation, "unknown")
            raise
        except Refused:
            # By us, before anything was sent: it says nothing of the provider.
            self._watcher.called(operation, "refused")
            raise
        finally:
            if probing:
                self._probing = False

        self._become(self._circuit.succeeded())
        self._watcher.called(operation, "answered")
        return answer

    # The breaker.

    def _require_open(self) -> None:
        """Raises Unavailable while nobody may pass: the rate is not spent on that."""
        circuit = self.circuit
        if circuit.state is CircuitState.OPEN:
            wait = max(circuit.until - trio.current_time(), 0.0)
            raise self._left_alone(wait)
        if circuit.state is CircuitState.HALF_OPEN and self._probing:
            raise self._left_alone(PROBE_SECONDS)

    def _admit(self) -> bool:
        """Whether this call is the probe. Looks again: the breaker may have opened meanwhile."""
        self._require_open()
        self._probing = self._circuit.state is CircuitState.HALF_OPEN
        return self._probing

    def _failed(self, *, probing: bool, retry_after: float | None = None) -> None:
        if self._circuit.state is CircuitState.HALF_OPEN and not probing:
            return  # it left before the breaker opened, and fails of the same outage
        now = trio.current_time()
        self._become(self._circuit.failed(now, self._policy, retry_after))

    def _become(self, circuit: Circuit) -> None:
        before, self._circuit = self._circuit, circuit
        if circuit.state is before.state:
            return
        _log.warning(
            "provider_breaker_changed",
            provider=self._name,
            before=before.state.value,
            state=circuit.state.value,
            failures=before.failures if circuit.state is CircuitState.CLOSED else circuit.failures,
        )
        self._watcher.circuit_changed(circuit)

    def _left_alone(self, retry_after: float) -> Unavailable:
        text = f"is left alone after {self._circuit.failures} failures in a row"
        return Unavailable(self._name, text, retry_after=retry_after)

    # The rate.

    async def _pace(self) -> None:
        """Wait for this call's turn. Raises Unavailable when that would take too long."""
        now_ms = int(trio.current_time() * 1_000)
        tokens = self._tokens(now_ms)
        wait = max(0.0, (1.0 - tokens) * 60.0 / self._size.per_minute)
        if wait > self._wait_seconds_max:
            text = f"is asked more than {self._size.capacity} times a second"
            raise Unavailable(self._name, text, retry_after=wait)

        # In debt, each caller has a turn of its own, and the queue is as long as the wait allows.
        self._bucket, _ = spend(self._bucket, self._size, 1, now_ms, in_debt=True)
        if wait:
            await trio.sleep(wait)

    def _tokens(self, now_ms: int) -> float:
        """Calls that may leave now; below zero is how many are waited for."""
        if self._bucket is None:
            return float(self._size.capacity)
        return refilled(self._bucket, self._size, now_ms)

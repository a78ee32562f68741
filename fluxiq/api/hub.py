"""Events on their way to merchants' screens: publish never waits, a slow client is told to refetch.

A full queue is emptied, and its client gets one `{"type":"refetch"}` in place of what it missed:
the records are the truth, the push is only quicker.
"""

from collections import deque
from types import TracebackType
from typing import Final, Self

import trio
from msgspec import Struct
from prometheus_client import Gauge

from fluxiq.errors import Refused

REFETCH: Final = b'{"type":"refetch"}'

_Audience = tuple[str, str]  # ISPB, merchant


class HubStatistics(Struct, frozen=True, kw_only=True):
    clients: int
    published: int
    delivered: int
    refetches: int


class Hub:
    """`queue_size` messages wait per client; a merchant may have `clients_max` clients at once."""

    def __init__(
        self, connections: Gauge, *, queue_size: int = 256, clients_max: int = 100
    ) -> None:
        self.queue_size = queue_size
        self.clients_max = clients_max
        self._connections = connections
        self._clients: dict[_Audience, set[Subscription]] = {}
        self._published = self._delivered = self._refetches = 0

    def publish(self, ispb: str, merchant_id: str, body: bytes) -> int:
        """Queue an event's JSON for the merchant's clients; returns for how many."""
        self._published += 1
        clients = self._clients.get((ispb, merchant_id))
        if not clients:
            return 0

        message = b'{"type":"event","event":' + body + b"}"
        for client in clients:
            self._refetches += client.offer(message)
        self._delivered += len(clients)
        return len(clients)

    def subscribe(self, ispb: str, merchant_id: str) -> "Subscription":
        """A client, until its `with` block ends. Raises Refused("too_many_connections")."""
        clients = self._clients.setdefault((ispb, merchant_id), set())
        if len(clients) >= self.clients_max:
            raise Refused(
                "too_many_connections", f"at most {self.clients_max} connections per merchant"
            )

        client = Subscription(self, (ispb, merchant_id))
        clients.add(client)
        self._connections.labels(institution=ispb).inc()
        return client

    def close(self) -> None:
        """End the subscriptions there are: the server stops, or is restarted beside us."""
        for clients in self._clients.values():
            for client in clients:
                client.close()

    def statistics(self) -> HubStatistics:
        return HubStatistics(
            clients=sum(map(len, self._clients.values())),
            published=self._published,
            delivered=self._delivered,
            refetches=self._refetches,
        )

    def remove(self, client: "Subscription") -> None:
        """Forget a client; doing it twice is doing it once."""
        clients = self._clients.get(client.audience)
        if clients is None or client not in clients:
            return
        clients.remove(client)
        self._connections.labels(institution=client.audience[0]).dec()
        if not clients:
            del self._clients[client.audience]


class Subscription:
    """One client's queue. A context manager: leaving it unsubscribes."""

    def __init__(self, hub: Hub, audience: _Audience) -> None:
        self.audience = audience
        self._hub = hub
        self._waiting: deque[bytes] = deque()
        self._something = trio.Event()
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hub.remove(self)

    def offer(self, message: bytes) -> bool:
        """Queue `message`; True when the queue was full and became one REFETCH instead."""
        overflows = len(self._waiting) >= self._hub.queue_size
        if overflows:
            self._waiting.clear()
            message = REFETCH
        self._waiting.append(message)
        self._something.set()
        return overflows

    def close(self) -> None:
        self.closed = True
        self._something.set()

    async def receive(self) -> bytes | None:
        """The next message, as soon as there is one; None once the hub is closed."""
        while not self._waiting and not self.closed:
            self._something = trio.Event()
            await self._something.wait()
        return None if self.closed else self._waiting.popleft()

"""Live updates on their way to clients: publishing never waits for a client, however slow.

Who is connected, what each wants to hear, and nothing else: what a client was told, and what it is
owed, is its own affair (`fluxiq.api.live_client`).
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import trio
from msgspec import Struct
from prometheus_client import Gauge

from fluxiq.api.live_client import KEY_OVER, SUSPENDED, LiveClient, event_frame, frame
from fluxiq.errors import Refused

WOKEN_AT_ONCE: Final = 32  # each writes to its socket, a quarter of a millisecond of a core

_Audience = tuple[str, str]  # ISPB, merchant


class Topic(StrEnum):
    """What a client may subscribe to. Only PAYMENTS is numbered, and can be resumed."""

    PAYMENTS = "payments"  # every event of the merchant
    BALANCES = "balances"
    DELIVERIES = "deliveries"
    LIVE_DATA = "live_data"  # of the institution: rates, providers, flags
    TREE = "tree"  # for operators: told by `api.tree_told`, at each client's own speed


# What is a merchant's: the institution's own people hear of none of it.
OF_A_MERCHANT: Final = frozenset({Topic.PAYMENTS, Topic.BALANCES, Topic.DELIVERIES})


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
        self._clients: dict[_Audience, set[LiveClient]] = {}
        self._heads: dict[_Audience, int] = {}  # the newest event that was published
        self._wanted: dict[tuple[str, str], Counter[str]] = {}  # by ISPB and topic: merchants
        self._published = self._delivered = self._refetches = 0

    # What happens.

    async def publish(self, ispb: str, merchant_id: str, sequence: int, event: bytes) -> int:
        """Offer an event's JSON to the merchant's clients; returns to how many."""
        self._published += 1
        clients = self._listeners(ispb, merchant_id, Topic.PAYMENTS)
        if clients:
            self._heads[ispb, merchant_id] = max(sequence, self._heads.get((ispb, merchant_id), 0))
            text = event_frame(sequence, event)
            for crowd in _crowds(clients):
                for client in crowd:
                    self._refetches += client.offer_event(sequence, text)
                await trio.lowlevel.checkpoint()
            self._delivered += len(clients)
        return len(clients)

    def heard(self, ispb: str, last: Mapping[str, int]) -> None:
        """How far the merchants' events have come on paper: what was never published is read from
        there. What is being published is on its way: thousands need not all read it.
        """
        for merchant_id, sequence in last.items():
            if sequence <= self._heads.get((ispb, merchant_id), 0):
                continue
            for client in self._listeners(ispb, merchant_id, Topic.PAYMENTS):
                client.hear_of(sequence)

    def tell(self, ispb: str, merchant_id: str, topic: Topic, message: Struct) -> int:
        """Offer a message without a number to the merchant's clients; returns to how many."""
        clients = self._listeners(ispb, merchant_id, topic)
        if clients:
            self._offer(clients, message)
        return len(clients)

    async def tell_everybody(self, ispb: str, topic: Topic, message: Struct) -> int:
        """The same, to the clients of all merchants of an institution."""
        clients = [
            client
            for merchant_id in self.merchants(ispb, topic)
            for client in self._listeners(ispb, merchant_id, topic)
        ]
        for crowd in _crowds(clients):
            self._offer(crowd, message)
            await trio.lowlevel.checkpoint()
        return len(clients)

    def merchants(self, ispb: str, topic: Topic) -> list[str]:
        """Those of whom a client listens to `topic`."""
        return list(self._wanted.get((ispb, topic), ()))

    # Who listens.

    def subscribe(
        self,
        ispb: str,
        merchant_id: str,
        topics: Iterable[Topic] = (Topic.PAYMENTS,),
        actor: str = "",
    ) -> LiveClient:
        """A client, until its `with` block ends. Raises Refused("too_many_connections")."""
        clients = self._clients.setdefault((ispb, merchant_id), set())
        if len(clients) >= self.clients_max:
            raise Refused(
                "too_many_connections", f"at most {self.clients_max} connections per merchant"
            )

        client = LiveClient(self, (ispb, merchant_id), self.queue_size, actor)
        clients.add(client)
        self._connections.labels(institution=ispb).inc()
        self.want(client, topics)
        return client

    def want(self, client: LiveClient, topics: Iterable[Topic]) -> None:
        """From now on the client hears of exactly these."""
        ispb, merchant_id = client.audience
        wanted = frozenset(topics)
        for topic in wanted - client.topics:
            self._wanted.setdefault((ispb, topic), Counter())[merchant_id] += 1
        for gone in client.topics - wanted:
            merchants = self._wanted[ispb, gone]
            merchants[merchant_id] -= 1
            if not merchants[merchant_id]:
                del merchants[merchant_id]
        client.topics = wanted

    def close(self) -> None:
        """End the subscriptions there are: the server stops, or is restarted beside us."""
        for clients in self._clients.values():
            for client in clients:
                client.close()

    def close_institution(self, ispb: str) -> None:
        """End the subscriptions of one institution: it was suspended. Twice is once."""
        for client in self._clients_of(ispb):
            client.close(SUSPENDED)

    def actors(self, ispb: str) -> set[str]:
        """Who listens in an institution: API keys and people."""
        return {client.actor for client in self._clients_of(ispb)}

    def close_actors(self, ispb: str, actors: Container[str]) -> int:
        """End the subscriptions of keys that open nothing any more; returns how many."""
        ended = [client for client in self._clients_of(ispb) if client.actor in actors]
        for client in ended:
            client.close(KEY_OVER)
        return len(ended)

    def remove(self, client: LiveClient) -> None:
        """Forget a client; doing it twice is doing it once."""
        clients = self._clients.get(client.audience)
        if clients is None or client not in clients:
            return
        self.want(client, ())
        clients.remove(client)
        self._connections.labels(institution=client.audience[0]).dec()
        if not clients:
            del self._clients[client.audience]
            self._heads.pop(client.audience, None)

    def statistics(self) -> HubStatistics:
        return HubStatistics(
            clients=sum(map(len, self._clients.values())),
            published=self._published,
            delivered=self._delivered,
            refetches=self._refetches,
        )

    def _clients_of(self, ispb: str) -> Iterator[LiveClient]:
        return (
            client
            for (owner, _), clients in self._clients.items()
            if owner == ispb
            for client in clients
        )

    def _listeners(self, ispb: str, merchant_id: str, topic: Topic) -> list[LiveClient]:
        clients = self._clients.get((ispb, merchant_id), ())
        return [client for client in clients if topic in client.topics]

    def _offer(self, clients: Iterable[LiveClient], message: Struct) -> None:
        self._published += 1
        text = frame(message)
        for client in clients:
            self._refetches += client.offer(text)
            self._delivered += 1


def _crowds(clients: Sequence[LiveClient]) -> Iterator[Sequence[LiveClient]]:
    """As many as are woken in one turn of the loop: ten thousand would hold it up for seconds."""
    for first in range(0, len(clients), WOKEN_AT_ONCE):
        yield clients[first : first + WOKEN_AT_ONCE]

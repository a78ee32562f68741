"""Requests that wait to be written: bounded, fair between lanes, and never cut in two."""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import trio

from fluxiq.domain.records import Transfer, TransferFlags, TransferStatus
from fluxiq.errors import Unavailable
from fluxiq.ledgers.limits import TRANSFERS_MAX, check_transfers
from fluxiq.ledgers.tigerbeetle.plain import pack_plain

# Transfers: fewer are packed together with those of other requests, and checked one by one.
PACKED_MIN: Final = 64

_LINKED = int(TransferFlags.LINKED)


class ReplyTo(Protocol):
    """Who waits for a request: told once, at once, and never in the way (`supervisors.Caller`)."""

    def reply(self, value: object) -> bool: ...

    def fail(self, error: Exception) -> bool: ...


class Request:
    """Transfers that somebody waits for, in order. They go into one batch: no chain is cut.

    `expires_at` (trio's clock) is when a request that has not been sealed is told Unavailable.
    `records` are the transfers packed, where that is done already.
    """

    __slots__ = ("_reply_to", "expires_at", "records", "transfers")

    def __init__(
        self,
        transfers: Sequence[Transfer],
        reply_to: ReplyTo,
        expires_at: float,
        records: bytes | None = None,
    ) -> None:
        self.transfers = transfers
        self.records = records
        self.expires_at = expires_at
        self._reply_to: ReplyTo | None = reply_to

    def reply(self, statuses: Sequence[TransferStatus]) -> None:
        """Answer; only the first answer counts."""
        if self._reply_to is not None:
            self._reply_to.reply(statuses)
            self._reply_to = None

    def fail(self, error: Exception) -> None:
        if self._reply_to is not None:
            self._reply_to.fail(error)
            self._reply_to = None


def admit(transfers: Sequence[Transfer], ledger: int, batch_max: int) -> bytes | None:
    """Raise what `check_request` raises, the cheaper way where there is one. That packs: return
    the records then.
    """
    if PACKED_MIN <= len(transfers) <= batch_max:
        records = pack_plain(transfers, ledger)
        if records is not None:
            return records
    check_request(transfers, ledger, batch_max)
    return None


def check_request(transfers: Sequence[Transfer], ledger: int, batch_max: int) -> None:
    """Raise ValueError for what no batch may hold: see `limits.check_transfers`; more than
    `batch_max` transfers, which would wait for ever; those of another ledger; and an open chain,
    which would be closed by the next caller's transfers.
    """
    check_transfers(transfers)
    if not 0 < len(transfers) <= batch_max:
        raise ValueError(f"a request of {len(transfers)} transfers, 1 to {batch_max} are possible")
    for one in transfers:
        if one.ledger != ledger:
            raise ValueError(f"transfer {one.id:x} is of ledger {one.ledger}, this is {ledger}")
    if int(transfers[-1].flags) & _LINKED:
        raise ValueError(f"transfer {transfers[-1].id:x}: its chain is left open (LINKED)")


class Waiting:
    """Requests by lane. A batch takes one of each lane in turn, so that a lane with thousands
    delays nobody by more than its share. Within a lane they are in order of `expires_at`.
    """

    def __init__(self, transfers_max: int) -> None:
        self.transfers = 0
        self._transfers_max = transfers_max
        self._lanes: dict[str, deque[Request]] = {}

    def __len__(self) -> int:
        return self.transfers

    def has_room(self, transfers: int) -> bool:
        return self.transfers + transfers <= self._transfers_max

    def put(self, lane: str, request: Request) -> None:
        assert self.has_room(len(request.transfers)), "looked for room before"
        self._lanes.setdefault(lane, deque()).append(request)
        self.transfers += len(request.transfers)

    def take(self, batch_max: int) -> list[Request]:
        """Return requests of at most `batch_max` transfers together, in the order they go in."""
        assert batch_max <= TRANSFERS_MAX, "more than a request of TigerBeetle's holds"
        taken: list[Request] = []
        room = batch_max
        while self._lanes and room:
            before = room
            for lane, requests in list(self._lanes.items()):
                count = len(requests[0].transfers)
                if count > room:
                    continue  # its turn comes first in a batch to come
                taken.append(requests.popleft())
                room -= count
                del self._lanes[lane]
                if requests:
                    self._lanes[lane] = requests  # behind the others
            if room == before:
                break
        self.transfers -= batch_max - room
        return taken

    def put_back(self, requests: Sequence[Request]) -> None:
        """Let requests that were taken and certainly not written wait again, before all others."""
        if requests:
            first = self._lanes.pop("", deque())
            first.extendleft(reversed(requests))
            self._lanes = {"": first, **self._lanes}
            self.transfers += sum(len(request.transfers) for request in requests)

    def expire(self, now: float) -> list[Request]:
        """Take out what has waited too long."""
        late: list[Request] = []
        for lane, requests in list(self._lanes.items()):
            while requests and requests[0].expires_at <= now:
                late.append(requests.popleft())
            if not requests:
                del self._lanes[lane]
        self.transfers -= sum(len(request.transfers) for request in late)
        return late

    def refuse_all(self, error: Unavailable) -> None:
        for requests in self._lanes.values():
            for request in requests:
                request.fail(error)
        self._lanes.clear()
        self.transfers = 0


class Answer:
    """`ReplyTo` for a task that waits here."""

    __slots__ = ("_error", "_event", "_value")

    def __init__(self) -> None:
        self._event = trio.Event()
        self._value: Sequence[TransferStatus] = ()
        self._error: Exception | None = None

    def reply(self, value: object) -> bool:
        assert isinstance(value, list)
        self._value = value
        self._event.set()
        return True

    def fail(self, error: Exception) -> bool:
        self._error = error
        self._event.set()
        return True

    async def wait(self) -> Sequence[TransferStatus]:
        await self._event.wait()
        if self._error is not None:
            raise self._error
        return self._value

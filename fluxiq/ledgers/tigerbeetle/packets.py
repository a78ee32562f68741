"""Packets: what the library is given to send, whose memory must live until it is done with.

And what its answer means: the reply, or an error that says whether the request may have been
carried out.
"""

import ctypes
from typing import Final

from tigerbeetle import bindings

from fluxiq.errors import Unknown

Operation = bindings.Operation
PacketStatus = bindings.PacketStatus

SYSTEM: Final = "tigerbeetle"

# Statuses after which a client answers nothing else any more.
_ENDS: Final[dict[int, str]] = {
    PacketStatus.CLIENT_EVICTED: "the cluster evicted this client",
    PacketStatus.CLIENT_RELEASE_TOO_LOW: "the cluster is too new for this client's release",
    PacketStatus.CLIENT_RELEASE_TOO_HIGH: "the cluster is too old for this client's release",
    PacketStatus.CLIENT_SHUTDOWN: "the client was closed",
}

_STATUSES: Final = frozenset(map(int, PacketStatus))


class Packet:
    """One request. Whoever submits it keeps it until its completion, whatever happens to the
    caller: the library reads `memory` and the bytes of `events` on its own thread.
    """

    __slots__ = ("events", "id", "memory")

    def __init__(self, id_: int, operation: Operation, events: bytes) -> None:
        assert id_ > 0, "the library would give 0 back as None"
        self.id = id_
        self.events = events
        self.memory = bindings.CPacket(
            user_data=id_,
            # Into the bytes object itself, no copy: nobody can change or move it.
            data=ctypes.cast(ctypes.c_char_p(events), ctypes.c_void_p),
            data_size=len(events),
            operation=operation,
            status=PacketStatus.OK,
        )


def end_of_client(status: int) -> str | None:
    """Why the client that completed a packet so is of no use any more; None when it is."""
    return _ENDS.get(status) or (None if status in _STATUSES else _unheard_of(status))


def reply_of(status: int, reply: bytes, reference: str) -> bytes:
    """The reply, when the request was carried out.

    Raises Unknown when the client ended while the request was in flight: the library tells neither
    whether it was sent nor whether it had been carried out before, so it may have been. Raises
    ValueError for more events than the cluster takes at once, which were not sent. Any other
    status is a bug of ours.
    """
    if status == PacketStatus.OK:
        return reply

    if reason := end_of_client(status):
        raise Unknown(SYSTEM, reference, reason)

    if status == PacketStatus.TOO_MUCH_DATA:
        raise ValueError(f"{reference}: more than the cluster takes in one request")

    name = PacketStatus(status).name.lower()
    raise AssertionError(f"{reference}: the library refuses the request: {name}")


def _unheard_of(status: int) -> str:
    return f"the library answered with status {status}, which means nothing here"

"""TigerBeetle's own client library, out of the wheel: one native client, its thread, its callback.

Opening and closing one blocks (20 to 40 ms to open; 10 to 200 ms to close, measured), so neither is
called on the event loop. What the library calls, it calls on a thread of its own, and no exception
may pass into it: what goes wrong there is handed to the receiver as a value.
"""

import ctypes
import itertools
from typing import Any, Final, Protocol

import structlog
from tigerbeetle import bindings

from fluxiq.errors import Unavailable
from fluxiq.ledgers.tigerbeetle import library_log
from fluxiq.ledgers.tigerbeetle.packets import SYSTEM, Packet


class Receiver(Protocol):
    """Who takes completions, on the library's thread. Neither method may raise."""

    def completed(self, packet_id: int, status: int, reply: bytes) -> None:
        """A packet is done with: the library touches its memory no more."""

    def broke(self, error: BaseException) -> None:
        """A completion came that could not be read."""


class Native(Protocol):
    """One native client. No method may be called after `deinit` has begun."""

    def submit(self, packet: Packet) -> bool:
        """Hand the packet over; False: not taken. It must live until its completion. Fast."""

    def deinit(self) -> None:
        """Complete every packet in flight (CLIENT_SHUTDOWN) and end the thread. Blocks."""

    def last_words(self) -> str:
        """What the library logged last about this client; empty when nothing."""


class Opener(Protocol):
    """Makes a native client; blocks. Raises Unavailable when that is impossible."""

    def __call__(self, receiver: Receiver) -> Native: ...


class Cluster:
    """Opens native clients of one cluster: `addresses` are its replicas' `host:port`, in their
    order, separated by commas; a host is an IP address, for the library resolves no names.
    """

    def __init__(self, cluster: int, addresses: str) -> None:
        assert 0 <= cluster < 2**128, "a cluster id is 128 bits"
        self.cluster = cluster
        self.addresses = addresses

    def __call__(self, receiver: Receiver) -> Native:
        return _LibraryClient(bindings.tb_client_init, self.cluster, self.addresses, receiver)

    def __str__(self) -> str:
        return f"cluster {self.cluster} at {self.addresses}"


def open_echo(receiver: Receiver) -> Native:
    """A native client that answers every packet with its own bytes and needs no server."""
    return _LibraryClient(bindings.tb_client_init_echo, 0, "127.0.0.1:3000", receiver)


class _LibraryClient:
    def __init__(self, init: Any, cluster: int, addresses: str, receiver: Receiver) -> None:
        self._context = next(_contexts)
        self._client = bindings.CClient()
        encoded = addresses.encode()
        # Before the library's thread exists, or its first completion could find nobody.
        _receivers[self._context] = receiver

        status = init(
            ctypes.byref(self._client),
            ctypes.byref((ctypes.c_uint8 * 16)(*cluster.to_bytes(16, "little"))),
            encoded,
            len(encoded),
            self._context,
            _on_completion,
        )
        if status != bindings.InitStatus.SUCCESS:
            del _receivers[self._context]
            reason = bindings.InitStatus(status).name.lower()
            raise Unavailable(
                SYSTEM, f"no client for cluster {cluster} at {addresses or 'no address'}: {reason}"
            )

        self._name = _name_of(self._client)

    def submit(self, packet: Packet) -> bool:
        status = bindings.tb_client_submit(ctypes.byref(self._client), ctypes.byref(packet.memory))
        return bool(status == bindings.ClientStatus.OK)

    def deinit(self) -> None:
        bindings.tb_client_deinit(ctypes.byref(self._client))
        # The thread has ended, so nobody calls back any more.
        _receivers.pop(self._context, None)
        library_log.forget(self._name)

    def last_words(self) -> str:
        return library_log.last_words(self._name)


# The callback finds its receiver by number: the library carries a number for us, and one callback
# object lives as long as the process, so that no thread can ever call a freed one.
_contexts: Final = itertools.count(1)
_receivers: Final[dict[int, Receiver]] = {}
_log = structlog.get_logger("tigerbeetle")


@bindings.OnCompletion  # type: ignore[untyped-decorator,unused-ignore]
def _on_completion(context: int, packet: Any, _timestamp: int, data: int | None, size: int) -> None:
    receiver = _receivers.get(context)
    if receiver is None:
        _log.error("tigerbeetle_completion_of_no_client", context=context)
        return

    try:
        done = packet.contents
        # The library takes the reply's memory back when this returns.
        reply = ctypes.string_at(data, size) if data and size else b""
        receiver.completed(done.user_data, done.status, reply)
    except BaseException as error:  # noqa: BLE001 - on a thread of C, where nobody could catch it
        receiver.broke(error)


def _name_of(client: Any) -> int:
    """The 128-bit id that the library gave itself, by which it names itself in its log."""
    parameters = bindings.InitParameters()
    bindings.tb_client_init_parameters(ctypes.byref(client), ctypes.byref(parameters))
    return int(parameters.client_id.to_python())


library_log.take_over()

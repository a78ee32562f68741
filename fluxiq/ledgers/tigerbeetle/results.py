"""What TigerBeetle answers to accounts and transfers to create: 16 bytes for each, in order."""

import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, NoReturn, TypeVar

from tigerbeetle import bindings

from fluxiq.domain.records import CreateAccountStatus, TransferStatus
from fluxiq.ledgers.tigerbeetle.records import check_whole

Status = TypeVar("Status", TransferStatus, CreateAccountStatus)

RESULT_BYTES: Final = 16

# timestamp, status, reserved
RESULT: Final = struct.Struct("<QI4x")


class TransferResult(NamedTuple):
    """What became of a transfer. `timestamp`: nanoseconds since the epoch by the cluster's clock,
    of the transfer itself when it is on the books, else of the refusal.
    """

    timestamp: int
    status: TransferStatus


class AccountResult(NamedTuple):
    """What became of an account to create; `timestamp` as in `TransferResult`."""

    timestamp: int
    status: CreateAccountStatus


def unpack_transfer_results(results: bytes) -> list[TransferResult]:
    """One for each transfer, in their order. Raises ValueError for bytes that are not results."""
    check_whole(results, RESULT_BYTES)
    return [
        TransferResult(timestamp, _TRANSFER_STATUSES[status])
        for timestamp, status in RESULT.iter_unpack(results)
    ]


def count_statuses(results: bytes) -> dict[str, int]:
    """How many transfers have which status, without unpacking them: some 0.1 us for each."""
    codes = Counter(_codes(results))
    return {_TRANSFER_STATUSES[code].value: count for code, count in codes.items()}


def unpack_transfer_statuses(results: bytes) -> list[TransferStatus]:
    """The statuses alone, in order: a tenth of the time that whole results take. Raises ValueError
    for bytes that are not results.
    """
    return [_TRANSFER_STATUSES[code] for code in _codes(results)]


def unpack_account_results(results: bytes) -> list[AccountResult]:
    """One for each account, in their order. Raises ValueError for bytes that are not results."""
    check_whole(results, RESULT_BYTES)
    return [
        AccountResult(timestamp, _ACCOUNT_STATUSES[status])
        for timestamp, status in RESULT.iter_unpack(results)
    ]


def pack_transfer_results(results: Sequence[TransferResult]) -> bytes:
    """What TigerBeetle would have answered: the stand-in's results, packed for the journal."""
    return b"".join([RESULT.pack(timestamp, _CODES[status]) for timestamp, status in results])


def _codes(results: bytes) -> list[int]:
    check_whole(results, RESULT_BYTES)
    # Every fourth number, from the third on: 32 bits each, in this machine's order, which is
    # little-endian wherever TigerBeetle's library runs.
    codes: list[int] = memoryview(results).cast("I")[2::4].tolist()
    return codes


class _StatusByCode(dict[int, Status]):
    def __missing__(self, code: int) -> NoReturn:
        raise ValueError(f"TigerBeetle's answer {code} has no word here")


def _by_code(wire: Iterable[IntEnum], kind: type[Status]) -> _StatusByCode[Status]:
    return _StatusByCode({int(one): kind[one.name] for one in wire})


_TRANSFER_STATUSES: Final = _by_code(bindings.CreateTransferStatus, TransferStatus)
_ACCOUNT_STATUSES: Final = _by_code(bindings.CreateAccountStatus, CreateAccountStatus)
_CODES: Final = {status: code for code, status in _TRANSFER_STATUSES.items()}

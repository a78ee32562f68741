"""The provider's memory: a file of JSON lines, one per thing that must survive a crash.

Written with one `write` per change, so that a killed process loses nothing it has answered for;
not synced, since a power cut is not among the accidents simulated.
"""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from fluxiq.errors import StartRefused, Unavailable
from fluxiq.providers.cob_messages import CobStatus
from fluxiq.providers.order_messages import (
    AnalysisResult,
    InfractionNotice,
    InfractionState,
    OutcomeNotice,
    PayeeAccount,
    ReceiptNotice,
    ReturnNotice,
)


class Accepted(Struct, frozen=True, tag="accepted"):
    ispb: str
    end_to_end_id: str
    amount: int
    pix_key: str
    account: PayeeAccount | None = None  # not in journals from before there were such payees


class Ended(Struct, frozen=True, tag="ended"):
    end_to_end_id: str
    reason_code: str | None = None
    at: datetime | None = None  # not in journals from before there were statements


class Untold(Struct, frozen=True, tag="untold"):
    """Money that arrived, and whose customer is never told."""

    ispb: str
    receipt: ReceiptNotice


class Owed(Struct, frozen=True, tag="owed", omit_defaults=True):
    """A notice for a customer, not to be sent before `due`. Exactly one of the four notices."""

    number: int
    ispb: str
    due: datetime
    receipt: ReceiptNotice | None = None
    outcome: OutcomeNotice | None = None
    returned: ReturnNotice | None = None
    infraction: InfractionNotice | None = None

    @property
    def notice(self) -> "SomeNotice":
        notice = self.receipt or self.outcome or self.returned or self.infraction
        assert notice is not None, f"line {self.number} owes nothing"
        return notice


class Answered(Struct, frozen=True, tag="answered"):
    numbers: tuple[int, ...]


class Reported(Struct, frozen=True, tag="reported"):
    """A fraud of which the customer `ispb` is to hear."""

    ispb: str
    id: str
    end_to_end_id: str
    situation: str
    details: str


class Hosted(Struct, frozen=True, tag="hosted", kw_only=True):
    """A charge of a customer, where payers find it; `amount` in centavos."""

    ispb: str
    txid: str
    location: str
    amount: int
    pix_key: str
    lasts_seconds: int
    made_at: datetime


class CobEnded(Struct, frozen=True, tag="cob_ended"):
    """A hosted charge was paid or removed."""

    location: str
    status: CobStatus


class Decided(Struct, frozen=True, tag="decided"):
    """How a report of fraud stands from here on."""

    id: str
    status: InfractionState
    result: AnalysisResult | None = None


class Contested(Struct, frozen=True, tag="contested", kw_only=True):
    """The customer `ispb` says that a payment of its own, of `amount` centavos, was fraud."""

    ispb: str
    id: str
    end_to_end_id: str
    amount: int
    situation: str
    details: str


class ContestEnded(Struct, frozen=True, tag="contest_ended"):
    """How the payee's institution decided of a contest, or that it was taken back."""

    id: str
    status: InfractionState
    result: AnalysisResult | None = None


Line = (
    Accepted
    | Ended
    | Untold
    | Owed
    | Answered
    | Reported
    | Decided
    | Contested
    | ContestEnded
    | Hosted
    | CobEnded
)
SomeNotice = ReceiptNotice | OutcomeNotice | ReturnNotice | InfractionNotice


class Journal:
    """An open journal, locked against a second provider."""

    def __init__(self, path: Path, descriptor: int, length: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._length = length

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Raises StartRefused when the file cannot be had."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise StartRefused(f"cannot open the journal {path}: {error.strerror}") from None
        try:
            _lock(descriptor, path)
            yield cls(path, descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def write(self, lines: Iterable[Line]) -> None:
        """All of `lines` or none. Raises Unavailable when the disk is full or broken."""
        data = b"".join(_encode(line) + b"\n" for line in lines)
        try:
            written = os.write(self._descriptor, data)
            why = "" if written == len(data) else os.strerror(errno.ENOSPC)
        except OSError as error:
            why = str(error.strerror)
        if why:
            os.ftruncate(self._descriptor, self._length)
            raise Unavailable("simulator journal", f"cannot write {self._path}: {why}")
        self._length += len(data)

    def read(self) -> Iterator[Line]:
        """Every line, oldest first; half a line at the end, of a write that was killed, is cut off.

        Raises StartRefused naming the line that is not one.
        """
        read = 0
        with self._path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                if not text.endswith(b"\n"):
                    break
                try:
                    yield _decode(text)
                except msgspec.DecodeError as error:
                    raise StartRefused(f"{self._path}, line {number}: {error}") from None
                read += len(text)
        os.ftruncate(self._descriptor, read)
        self._length = read


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartRefused(f"the journal {path} belongs to another simulator") from None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode

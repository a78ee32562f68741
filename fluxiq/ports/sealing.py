"""What is kept of people and of secrets is sealed before it is written: AES-256-GCM under keys of
the institution. Pure and fast (microseconds): never waits, never asks anybody.
"""

from typing import Protocol

from msgspec import Struct


class Place(Struct, frozen=True):
    """Where a sealed value is kept. It is sealed to this place: moved to another row, column, table
    or institution it does not open.
    """

    table: str
    column: str
    row: str  # the row's primary key as text


class Sealer(Protocol):
    """The seals of one institution."""

    def seal(self, plain: bytes, place: Place) -> bytes:
        """`plain` under the institution's current key, whose id is in what is returned."""

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Raises errors.SealBroken, which is an alarm, never a customer's mistake: the value is not
        ours, was changed, belongs to another place, or its key is not here.
        """

    def index(self, plain: str, of: str) -> bytes:
        """A blind index, by which equal values are found without opening any: a keyed hash of 32
        bytes. `of` names what is looked up ("document"), so that indexes do not tell of each other.
        """

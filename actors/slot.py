"""How one actor leaves something for those that start after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from fluxiq.errors import Unavailable

T = TypeVar("T")


class Slot(Generic[T]):
    """Filled while its owner runs. Who looks while it is empty is told to come back."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._value: T | None = None

    @contextmanager
    def filled(self, value: T) -> Iterator[None]:
        """Fill it for the length of the block."""
        self._value = value
        try:
            yield
        finally:
            self._value = None

    def get(self) -> T:
        """Raises Unavailable while the owner is down or not yet up."""
        if self._value is None:
            raise Unavailable(self._what, "is starting")
        return self._value

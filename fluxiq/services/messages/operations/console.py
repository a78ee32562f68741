"""The verbs of the operators' desk, as the console reads them."""

from typing import Any, Literal

from msgspec import Struct


class VerbView(Struct, frozen=True, kw_only=True):
    """A look changes nothing; a deed does, and is written down with its reason."""

    verb: str
    kind: Literal["look", "deed"]
    arguments: list[str]


class VerbAnswer(Struct, frozen=True, kw_only=True):
    """Whatever the verb answers: docs/admin-socket.md says it of each."""

    answer: Any

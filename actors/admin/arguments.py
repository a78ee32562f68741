"""The arguments of one question, read strictly: what is wrong or not asked for is named."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

REASON_CHARACTERS_MAX = 500
NO_REASON = "asked by an operator"

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}


class BadArguments(Exception):
    """An argument is missing or wrong; the message names it."""


class Arguments:
    """Each one that is read must be there and of its type; `done` refuses those nobody read.

    `spelled`: what is typed at a shell has no type, so texts are read as what is wanted. An ISPB
    stays a text then, and a limit is a number.
    """

    def __init__(self, given: Mapping[str, Any], *, spelled: bool = False) -> None:
        self._given = dict(given)
        self._spelled = spelled

    def text(self, field: str, default: str | None = None) -> str:
        if default is not None and field not in self._given:
            return default
        value = self._given.pop(field, None)
        if not isinstance(value, str) or not value:
            raise BadArguments(f"{field}: must be a text")
        return value

    def number(self, field: str, default: int) -> int:
        value = self._given.pop(field, default)
        if self._spelled and isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadArguments(f"{field}: must be a whole number")
        return value

    def moment(self, field: str) -> datetime | None:
        """A time with its zone; None where it is not said."""
        said = self.text(field, "")
        if not said:
            return None
        try:
            found = msgspec.convert(said, datetime)
        except msgspec.ValidationError:
            raise BadArguments(f"{field}: must be a time in ISO 8601") from None
        if found.tzinfo is None:
            raise BadArguments(f"{field}: say its zone, such as Z")
        return found

    def mapping(self, field: str) -> dict[str, object]:
        value = self._given.pop(field, None)
        if not isinstance(value, dict) or not value:
            raise BadArguments(f"{field}: must be an object with at least one field")
        return value

    def flag(self, field: str) -> bool:
        value = self._given.pop(field, False)
        if self._spelled and isinstance(value, str):
            value = _FLAGS.get(value, value)
        if not isinstance(value, bool):
            raise BadArguments(f"{field}: must be true or false")
        return value

    def reason(self) -> str:
        """Why, as the events of the tree will tell it."""
        value = self._given.pop("reason", "")
        if not isinstance(value, str) or len(value) > REASON_CHARACTERS_MAX:
            raise BadArguments(f"reason: a text of at most {REASON_CHARACTERS_MAX} characters")
        return value or NO_REASON

    def done(self) -> None:
        if self._given:
            raise BadArguments(f"{min(self._given)}: unknown argument")

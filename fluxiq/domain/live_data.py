"""What changes while the platform runs, and is the institution's: rates, provider status, flags.

None of it decides about money that has moved: a rate is shown, a flag chooses a way.
"""

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from fluxiq.errors import Refused

_PAIR: Final = re.compile(r"([A-Z]{3})-([A-Z]{3})")
_RATE: Final = re.compile(r"(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,10})?")
_FLAG: Final = re.compile(r"[a-z][a-z0-9_.]{0,62}")
_PERCENT: Final = 100


class ExchangeRate(Struct, frozen=True, kw_only=True):
    """`rate` units of the second currency for one of the first, as a decimal text: never a float.

    Currencies are ISO 4217's.
    """

    pair: str
    rate: str
    source: str
    updated_at: datetime


class FlagKind(StrEnum):
    BOOLEAN = "boolean"
    PERCENTAGE = "percentage"


class Flag(Struct, frozen=True, kw_only=True):
    """A feature for nobody (0), everybody (100), or a share of the subjects."""

    name: str
    kind: FlagKind
    percentage: int
    updated_at: datetime

    def is_on(self, subject: str) -> bool:
        """Whether `subject` (an account, a merchant) has the feature. The same one always does, and
        whoever has it at 10 % has it at 20 %.
        """
        digest = hashlib.sha256(f"{self.name}\0{subject}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % _PERCENT < self.percentage


class ProviderStatus(Struct, frozen=True, kw_only=True):
    """A provider link as the process saw it that uses it, at `seen_at`."""

    name: str
    breaker: str  # closed, open, half_open
    failures: int  # in a row
    last_answer_at: datetime | None
    last_failure_at: datetime | None
    seen_at: datetime


def parse_pair(text: str) -> str:
    """`USD-BRL`. Raises Refused("invalid_currency_pair")."""
    found = _PAIR.fullmatch(text)
    if found is None or found[1] == found[2]:
        raise Refused(
            "invalid_currency_pair", "expected two currencies such as USD-BRL", field="pair"
        )
    return text


def parse_rate(text: str) -> str:
    """A decimal above zero. Raises Refused("invalid_rate")."""
    if _RATE.fullmatch(text) is None or not text.strip("0."):
        raise Refused(
            "invalid_rate",
            "expected a decimal above zero such as 5.4321: up to 10 digits on each side",
            field="rate",
        )
    return text


def parse_flag_name(text: str) -> str:
    """`pix.scheduled`. Raises Refused("invalid_flag_name")."""
    if _FLAG.fullmatch(text) is None:
        raise Refused(
            "invalid_flag_name",
            "expected a-z, 0-9, _ and . beginning with a letter, at most 63",
            field="name",
        )
    return text

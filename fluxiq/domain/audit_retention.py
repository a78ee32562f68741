"""How long the lines of the audit trail are kept, by the class of what they tell of.

Nothing is kept for less than five years. TO BE CONFIRMED by the institution's counsel: periods and
sources are from general knowledge and were not compared with the texts (docs/audit.md). A sealed
batch goes as a whole, so it is kept as long as the line of it that is kept longest.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct


class Retention(Struct, frozen=True, kw_only=True):
    """`prefixes` are of actions. Years are counted from the first day of the year after the line's,
    as Circular 3.978 counts them.
    """

    name: str
    prefixes: tuple[str, ...]
    years: int
    source: str


YEARS_MIN: Final = 5

CLASSES: Final = (
    Retention(
        name="operations",
        prefixes=(
            "payout.", "receipt.", "charge.", "refund.", "return.", "outcome.", "notice.",
            "transfer.", "med.", "hold.", "order.", "payout_batch.",
            "settlement.",
        ),
        years=10,
        source="Circular BCB 3.978/2020, art. 67 (records of operations); Lei 9.613/1998, art. 10",
    ),
    Retention(
        name="customers",
        prefixes=("merchant.", "account.", "person.", "user."),
        years=10,
        source="Circular BCB 3.978/2020, art. 67 (who customers are); Lei 9.613/1998, art. 10",
    ),
    Retention(
        name="security",
        prefixes=("api_key.", "session.", "login.", "key.", "operator.", "audit."),
        years=5,
        source="Resolucao BCB 85/2021, art. 23; Resolucao CMN 4.893/2021, art. 23",
    ),
    Retention(
        name="everything else",
        prefixes=("",),
        years=YEARS_MIN,
        source="the audit trail's own minimum; Lei 10.406/2002, art. 206, par. 5",
    ),
)  # fmt: skip


def class_of(action: str) -> Retention:
    """The first class that one of its prefixes leads to; the last takes what is left."""
    return next(one for one in CLASSES if action.startswith(one.prefixes))


def kept_longest(actions: Iterable[str]) -> Retention:
    """The class for which a batch with these actions is kept."""
    return max((class_of(action) for action in actions), key=lambda one: one.years)


def kept_until(at: datetime, retention: Retention) -> datetime:
    """The first moment at which a line of then need not be kept any more."""
    return at.replace(
        year=at.year + 1 + retention.years,
        month=1, day=1, hour=0, minute=0, second=0, microsecond=0,
    )  # fmt: skip

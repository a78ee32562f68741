"""One statement out of named parts: a change and all it leaves behind, in one round trip.

Such a statement is its own transaction. Each part is a common table expression that numbers its
parameters from $1; `compose` moves them on, and arguments are given part by part, in their order.

A part called `happened` lists, in a text column `what`, what the statement found to be so. The rows
of other parts carry `given`: written always when it is null, otherwise only if that happened.

All parts see the snapshot taken when the statement began. Rows that somebody changed meanwhile are
therefore read through FOR UPDATE, which waits and returns their newest version: conditions look at
what was locked. An UPDATE of a row locked so goes to its newest version too (EvalPlanQual). The
result is selected from `happened`, which makes it, and the locks under it, run first; parts that
nobody selects from run after it, in an order of their own.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

GIVEN: Final = "(given IS NULL OR given IN (SELECT what FROM happened))"
HAPPENED: Final = "SELECT what FROM happened"

_PARAMETER: Final = re.compile(r"\$(\d+)")


class Part(Struct, frozen=True):
    """A common table expression; `name` may list its columns too."""

    name: str
    query: str


# Of a statement whose parts are all written always.
NOTHING: Final = Part("happened (what)", "SELECT NULL::text WHERE false")


def compose(parts: Sequence[Part], result: str) -> str:
    """`WITH` the parts, `result`, which has no parameters of its own."""
    texts = []
    before = 0

    for part in parts:
        texts.append(f"{part.name} AS ({_move(part.query, before)})")
        before += max((int(number) for number in _PARAMETER.findall(part.query)), default=0)

    return f"WITH {', '.join(texts)} {result}"


def _move(query: str, by: int) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", query)

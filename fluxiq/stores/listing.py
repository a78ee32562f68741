"""One page of a list, newest first, and how long the list is.

Conditions that nobody asked for are not in the statement: `$1 IS NULL OR …` would keep PostgreSQL,
once it plans without looking at the arguments, from using the index of the one that was asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from fluxiq.ports import Page
from fluxiq.stores.pool import Connection

R = TypeVar("R", bound=msgspec.Struct)


async def list_page(
    connection: Connection,
    read: Callable[[Mapping[str, Any]], R],
    table: str,
    wanted: Mapping[str, Any],
    page: Page,
) -> tuple[list[R], int]:
    """Rows of `table`, of which `read` makes records. `wanted` maps conditions, each with `{}`
    where its argument goes, to arguments; None leaves the condition out. All texts but the
    arguments are constants of ours.
    """
    where, arguments = _where(wanted)
    rows = await connection.fetch(
        f"""
        SELECT * FROM {table} WHERE {where} ORDER BY created_at DESC, id DESC
        LIMIT ${len(arguments) + 1} OFFSET ${len(arguments) + 2}
        """,  # noqa: S608 - constants
        *arguments,
        page.size,
        (page.number - 1) * page.size,
    )
    # A page that is not full is the last one, and says how many came before.
    if 0 < len(rows) < page.size:
        return [read(row) for row in rows], (page.number - 1) * page.size + len(rows)

    total = await connection.fetchval(
        f"SELECT count(*) FROM {table} WHERE {where}",  # noqa: S608 - constants
        *arguments,
    )
    return [read(row) for row in rows], total


def _where(wanted: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    asked = {text: value for text, value in wanted.items() if value is not None}
    texts = [text.format(f"${number}") for number, text in enumerate(asked, start=1)]
    assert texts, "a list belongs to somebody"
    return " AND ".join(texts), list(asked.values())

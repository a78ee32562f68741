"""docs/permissions.md, as the table of roles and endpoints makes it.

    python -m tests.support.permissions > docs/permissions.md

renews what `test_permissions.py` pins; read the difference before you commit it.
"""

from collections.abc import Iterator, Sequence

from fluxiq.api.contract import PUBLIC
from fluxiq.api.permissions import HOLDERS, Row, table
from fluxiq.domain.roles import OWN, RESERVED
from tests.support.api_document import served

_INTRODUCTION = """\
# Who may do what

Made of `fluxiq/domain/roles.py` (what a role may) and of the endpoints (what each asks for) by
`python -m tests.support.permissions`: a test fails where this page is an old one, and others try
every role and every scope at every endpoint (`tests/contract/test_permissions.py`).

A caller without the permission gets 403 `forbidden`, which names it. *People* have a role, of their
merchant or of the institution itself, whose people see merchants under `/institution/` alone.
*API keys* have scopes: any one of those named opens the endpoint, and they are always a merchant's.
"""


def page() -> str:
    rows = sorted(table(served()), key=lambda row: (row.endpoint.path, row.endpoint.method))
    return "\n".join(
        [
            _INTRODUCTION,
            "## Roles",
            "",
            *_roles(),
            "",
            f"`*` is everything but {_listed(sorted(RESERVED))}:",
            "those are about all merchants of the institution, and are named where they are given;",
            "`institution:…` and `operations:…` are its own people's alone: no API key has them.",
            "",
            "## Endpoints",
            "",
            *_endpoints(rows),
            "",
            "Without asking who calls: "
            + ", ".join(
                f"`{one.method} {one.path}`" for one in served() if one.permission == PUBLIC
            )
            + ".",
            "",
        ]
    )


def _roles() -> Iterator[str]:
    yield "| role | of | may |"
    yield "|---|---|---|"
    for one in HOLDERS:
        whose = "the institution" if one.of_institution else "a merchant"
        yield f"| {one.role} | {whose} | {_listed(one.grants)}; `{OWN}` |"


def _endpoints(rows: Sequence[Row]) -> Iterator[str]:
    yield "| endpoint | permission | a merchant's people | the institution's | API keys with |"
    yield "|---|---|---|---|---|"
    for one in rows:
        endpoint = one.endpoint
        yield (
            f"| {endpoint.method} `{endpoint.path.removeprefix('/api/v1')}` "
            f"| `{endpoint.permission}` | {', '.join(one.merchant) or '-'} "
            f"| {', '.join(one.institution) or '-'} | {_listed(one.scopes) or '-'} |"
        )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"`{one}`" for one in words)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - what it is for

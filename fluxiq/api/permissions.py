"""Who may do what, as one table: roles (`domain.roles`), permissions and endpoints (`contract`).

The guard decides by the same two sources; `docs/permissions.md` and the OpenAPI document are made
of this table, and a test tries every cell of it over the API.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from fluxiq.api.contract import PUBLIC, Endpoint
from fluxiq.domain.roles import (
    INSTITUTION_ONLY,
    OF_INSTITUTION,
    OF_MERCHANT,
    OWN,
    RESERVED,
    Role,
    covers,
)


class Holder(Struct, frozen=True, kw_only=True):
    """Somebody with a role: of a merchant's people, or of the institution's own."""

    role: Role
    of_institution: bool
    grants: tuple[str, ...]

    def opens(self, endpoint: Endpoint) -> bool:
        if endpoint.permission == PUBLIC:
            return True
        if self.of_institution and not endpoint.institution:
            return False
        if not self.of_institution and endpoint.permission in INSTITUTION_ONLY:
            return False
        return endpoint.permission == OWN or covers(self.grants, endpoint.permission)


HOLDERS: Final = tuple(
    Holder(role=role, of_institution=of_institution, grants=grants)
    for of_institution, roles in ((False, OF_MERCHANT), (True, OF_INSTITUTION))
    for role, grants in roles.items()
)


class Row(Struct, frozen=True, kw_only=True):
    """Who opens an endpoint: people by their roles, API keys by any one of `scopes`."""

    endpoint: Endpoint
    merchant: tuple[Role, ...]
    institution: tuple[Role, ...]
    scopes: tuple[str, ...]


def table(endpoints: Iterable[Endpoint]) -> Iterator[Row]:
    """A row for each endpoint that asks who calls."""
    for one in endpoints:
        if one.permission != PUBLIC:
            yield row_of(one)


def row_of(endpoint: Endpoint) -> Row:
    roles: tuple[list[Role], list[Role]] = ([], [])
    for holder in HOLDERS:
        if holder.opens(endpoint):
            roles[holder.of_institution].append(holder.role)
    return Row(
        endpoint=endpoint,
        merchant=tuple(roles[False]),
        institution=tuple(roles[True]),
        scopes=scopes_of(endpoint.permission),
    )


def scopes_of(permission: str) -> tuple[str, ...]:
    """The scopes of an API key that open what asks for `permission`; none opens people's own, nor
    what only the institution's people may.
    """
    if permission == OWN or permission in INSTITUTION_ONLY:
        return ()
    resource = permission.partition(":")[0]
    wide = () if permission in RESERVED else ("*",)
    return (permission, f"{resource}:*", *wide)

"""Words that many bodies use."""

from typing import Annotated

from msgspec import Meta, Struct

Centavos = Annotated[int, Meta(gt=0, le=10**15, description="centavos of BRL")]
Text = Annotated[str, Meta(max_length=140)]


class PersonSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    document: Annotated[str, Meta(max_length=18)]
    name: Annotated[str, Meta(min_length=1, max_length=140)]


class PersonView(Struct, frozen=True, kw_only=True):
    document: str
    name: str

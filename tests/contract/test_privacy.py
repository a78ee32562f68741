"""Which answers say who somebody is: the table of docs/privacy.md, held against the document."""

from collections.abc import Iterator
from typing import Any

from fluxiq.domain.records import Recipient
from fluxiq.services.messages.directory import key_view
from tests.support.api_document import document

# Schemas with a document in them that answers are made of. A new one is a decision: see the table.
SHOWN = {"Person", "Owner", "Holder", "Merchant", "User", "Payer", "InstitutionMerchant"}


def schemas_with(name: str) -> Iterator[str]:
    for title, schema in document()["components"]["schemas"].items():
        if name in schema.get("properties", {}):
            yield title


def answered() -> set[str]:
    """Schemas that an answer leads to, through however many others."""
    schemas = document()["components"]["schemas"]
    reached: set[str] = set()
    waiting = [
        operation["responses"] for methods in document()["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict) and "responses" in operation
    ]  # fmt: skip
    while waiting:
        for name in set(_references(waiting.pop())) - reached:
            reached.add(name)
            waiting.append(schemas[name])
    return reached


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref", "")
        if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
            yield reference.rpartition("/")[2]
        for one in node.values():
            yield from _references(one)
    elif isinstance(node, list):
        for one in node:
            yield from _references(one)


def test_only_these_answers_have_documents_in_them() -> None:
    assert len(answered()) > 50, "answers are looked through"
    assert set(schemas_with("document")) & answered() == SHOWN


def test_the_owner_of_a_key_is_masked_as_the_directory_does() -> None:
    owner = Recipient(
        pix_key="a@example.com", pix_key_type="EMAIL", name="Ana", document="52998224725"
    )
    assert key_view("a@example.com", owner, None).owner.document == "***.***.247-**"

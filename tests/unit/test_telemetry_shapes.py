"""No document, PIX key or secret survives the processor, whatever text it is in."""

import string
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxiq.domain.brcode import build
from fluxiq.domain.documents import parse_document
from fluxiq.domain.keys import classify
from fluxiq.domain.records import Person, Recipient
from fluxiq.errors import Refused
from fluxiq.telemetry.redaction import redact, redact_text
from fluxiq.telemetry.shapes import masked

DIGITS = string.digits
PUNCTUATION = st.text(" .-/", max_size=2)
# What is beside a document in a text: nothing that would make another number or word of it.
BESIDE = st.text(st.characters(blacklist_categories=["Nd", "L", "Cs"]), max_size=12)


def _digit(values: list[int], weights: range) -> int:
    cycle = [2 + (place % (len(weights))) for place in range(len(values))]
    total = sum(one * weight for one, weight in zip(reversed(values), cycle, strict=True))
    return 0 if total % 11 < 2 else 11 - total % 11


def _whole(base: str, weights: range) -> str:
    values = [ord(one) - 48 for one in base]
    first = _digit(values, weights)
    return f"{base}{first}{_digit([*values, first], weights)}"


CPFS = st.text(DIGITS, min_size=9, max_size=9).map(lambda base: _whole(base, range(2, 12)))
CNPJS = st.text(DIGITS + string.ascii_uppercase, min_size=12, max_size=12).map(
    lambda base: _whole(base, range(2, 10))
)
DOCUMENTS = (CPFS | CNPJS).filter(lambda bare: len(set(bare)) > 1)


@st.composite
def written(draw: st.DrawFn) -> str:
    """A document as people write it, or as nobody does: the API would take it."""
    bare = draw(DOCUMENTS)
    bare = bare.lower() if draw(st.booleans()) else bare
    gaps = [draw(PUNCTUATION) for _ in bare[1:]]
    if draw(st.booleans()):
        gaps = [""] * len(gaps)
    return bare[0] + "".join(gap + one for gap, one in zip(gaps, bare[1:], strict=True))


def is_taken(text: str) -> bool:
    try:
        parse_document(text)
    except Refused:
        return False
    return True


def is_told(document: str, text: str) -> bool:
    """Whether a document stands in a text, however it is punctuated there."""
    bare = str.maketrans("", "", " .-/")
    return document.translate(bare).lower() in text.translate(bare).lower()


@given(written(), BESIDE, BESIDE)
@example("12.abc.345/01de-35", "CNPJ ", "")
@example("52998224725", "1 23, ", " 4")
def test_no_document_that_would_be_taken_survives(document: str, before: str, after: str) -> None:
    assert is_taken(document)
    assert not is_told(document, masked(before + document + after))


@given(written())
def test_nor_does_it_in_any_field_at_any_depth(document: str) -> None:
    people = [{"note": f"of {document};"}, Person(document=document, name="Maria")]
    told = str(redact({"event": f"seen {document}", "payers": people, document: 1}))
    assert document not in told
    assert "Maria" not in told


@given(written(), written())
def test_two_documents_beside_one_another_both_go(first: str, second: str) -> None:
    told = masked(f"{first}, {second}")
    assert not is_told(first, told)
    assert not is_told(second, told)


@pytest.mark.parametrize(
    "key",
    [
        "529.982.247-25",
        "12ABC34501DE35",
        "+5511987654321",
        "+55 (11) 98765-4321",
        "fulano.de-tal@example.com.br",
        "123e4567-e12b-12d1-a456-426655440000",
    ],
)
def test_a_key_of_any_kind_goes_from_a_text(key: str) -> None:
    classify(key)
    for text in (f"no key {key}", f"(pix_key={key})", f"key:{key},"):
        assert key not in masked(text)


def test_a_br_code_goes_whole_and_one_that_was_cut_too() -> None:
    code = build(key="fulano@example.com", merchant_name="Fulano de Tal", merchant_city="CURITIBA")
    for text in (f"shown {code}", f"shown {code[:60]}", f"'{code}' was shown"):
        told = masked(text)
        assert "fulano" not in told.lower()
        assert "shown" in told


@pytest.mark.parametrize(
    "text",
    [
        "Person(document='00', name='Maria da Silva')",
        '{"name": "Maria da Silva", "amount": 1}',
        "payer_name = 'Maria da Silva'",
        "Recipient(name='Maria \\'da Silva')",
        "name='Maria da Silva",
    ],
)
def test_a_name_goes_where_it_is_called_one(text: str) -> None:
    assert "Silva" not in masked(text)


@pytest.mark.parametrize("record", [Person(document="1", name="Maria")])
def test_a_name_goes_with_its_record(record: Person) -> None:
    assert "Maria" not in str(redact({"person": record, "n": msgspec.to_builtins(record)}))
    payee = Recipient(pix_key="a@b.com", pix_key_type="EMAIL", name="Maria", document="52998224725")
    assert "Maria" not in str(redact({"payee": payee}))
    account = {"ispb": "60701190", "branch": None, "number": "0012345"}
    assert redact({"account": account})["account"]["number"] == "***"
    assert redact({"name": "root/institutions"}) == {"name": "root/institutions"}


@pytest.mark.parametrize(
    "fields", [{"document": 52998224725}, {"cpf": 1}, {"set-cookie": "a=b"}, {"qr_code": "00"}]
)
def test_a_field_goes_by_its_name(fields: dict[str, Any]) -> None:
    assert list(redact(fields).values()) == ["***"]


@pytest.mark.parametrize(
    "text",
    [
        "amount 15000 of 12345678901234",
        "E1234567820261122120012345678901",
        "chg_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
        "2026-11-26T22:08:11.123456+00:00",
        "KeyError: 'amount'",
        "name=root/institutions/12345678",
        "the token of the institution is over",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert redact_text(text) == text

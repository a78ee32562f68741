"""CPF and CNPJ, numeric and alphanumeric."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.documents import (
    DocumentKind,
    document_kind,
    is_cnpj,
    is_cpf,
    mask_document,
    parse_document,
)
from fluxiq.errors import Refused


def last_digits(body: str, cycle: int) -> str:
    """The check digits by the textbook's other formulation: weights 2, 3, … from the right, up to
    `cycle`, and minus the sum modulo 11, where 10 counts as 0.
    """
    for _ in range(2):
        total = sum((2 + at % (cycle - 1)) * (ord(c) - 48) for at, c in enumerate(reversed(body)))
        body += str(-total % 11 % 10)

    return body


CPFS = st.text(string.digits, min_size=9, max_size=9).map(lambda body: last_digits(body, 11))
CNPJS = st.text(string.digits + string.ascii_uppercase, min_size=12, max_size=12).map(
    lambda body: last_digits(body, 9)
)


@pytest.mark.parametrize("document", ["12345678909", "52998224725"])
def test_known_cpfs_are_valid(document: str) -> None:
    assert document_kind(document) is DocumentKind.CPF


@pytest.mark.parametrize("document", ["12ABC34501DE35", "00038166000105"])
def test_known_cnpjs_are_valid(document: str) -> None:
    assert document_kind(document) is DocumentKind.CNPJ


@pytest.mark.parametrize(
    "document",
    [
        *("12345678900", "12ABC34501DE36", "11111111111", "00000000000000", "11111111111111"),
        *("1234567890", "123456789099", "", "1234567890A", "12ABC34501DE3A", "12abc34501de35"),
        *("\N{FULLWIDTH DIGIT ONE}2345678909", "12345678909\n", "٠٠٠٣٨١٦٦٠٠٠١٠٥"),
    ],
)
def test_other_texts_are_no_documents(document: str) -> None:
    assert document_kind(document) is None


@given(CPFS)
def test_a_cpf_computed_independently_is_valid_unless_all_digits_are_equal(cpf: str) -> None:
    assert is_cpf(cpf) is (len(set(cpf)) > 1)


@given(CNPJS)
def test_a_cnpj_computed_independently_is_valid_unless_all_are_equal(cnpj: str) -> None:
    assert is_cnpj(cnpj) is (len(set(cnpj)) > 1)


@given(CPFS | CNPJS, st.integers(0, 99))
def test_only_one_pair_of_check_digits_is_right(document: str, pair: int) -> None:
    other = f"{document[:-2]}{pair:02d}"
    if other != document:
        assert document_kind(other) is None


@pytest.mark.parametrize(
    ("written", "kind", "bare"),
    [
        ("529.982.247-25", DocumentKind.CPF, "52998224725"),
        ("12.abc.345/01de-35", DocumentKind.CNPJ, "12ABC34501DE35"),
        ("00.038.166/0001-05", DocumentKind.CNPJ, "00038166000105"),
    ],
)
def test_punctuation_and_case_are_taken_off(written: str, kind: DocumentKind, bare: str) -> None:
    assert parse_document(written) == (kind, bare)


@pytest.mark.parametrize("written", ["123.456.789-00", "", "ß2ABC34501DE35", "1²345678909"])
def test_an_invalid_document_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_document(written, field="payer.document")

    assert refusal.value.code == "invalid_document"
    assert refusal.value.details == {"field": "payer.document"}
    assert "123" not in str(refusal.value)


def test_a_letter_that_becomes_ascii_in_upper_case_makes_no_document() -> None:
    body = last_digits("12SBC34501DE", 9)
    assert parse_document(body)[1] == body
    with pytest.raises(Refused):
        parse_document(body.replace("S", "ſ"))  # noqa: RUF001 - the long s is the point


@given(CPFS)
def test_a_masked_cpf_shows_three_digits_only(cpf: str) -> None:
    assert mask_document(cpf) == f"***.***.{cpf[6:9]}-**"


def test_masks_hide_the_rest() -> None:
    assert mask_document("529.982.247-25") == "***.***.247-**"
    assert mask_document("12ABC34501DE35") == "**.ABC.345/****-**"
    assert mask_document("something else") == "***"
    assert mask_document("") == "***"

"""An account as its owner dictates it, in the SPI's shapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.recipient_account import (
    NAME_CHARACTERS_MAX,
    AccountType,
    RecipientAccount,
    parse_account,
    parse_holder_name,
    parse_ispb,
)
from fluxiq.errors import Refused

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def field_of(refusal: pytest.ExceptionInfo[Refused]) -> str:
    assert refusal.value.code == "invalid_recipient_account"
    return str(refusal.value.details["field"])


@pytest.mark.parametrize(
    ("number", "bare"),
    [
        ("12345-6", "123456"),
        ("0012345-6", "00123456"),
        ("12.345-x", "12345X"),
        (" 9 87654/3 ", "9876543"),
        ("1" * 20, "1" * 20),
    ],
)
def test_a_number_loses_what_separates_it_and_keeps_its_zeros(number: str, bare: str) -> None:
    account = parse_account(AccountType.CHECKING, "0001", number)
    assert account == RecipientAccount(branch="0001", number=bare, type=AccountType.CHECKING)


@pytest.mark.parametrize("number", ["", "-", "1" * 21, "12_3", "\uff11\uff12", "conta ç", "12\n3"])
def test_what_is_no_number_is_refused_by_name(number: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_account(AccountType.PAYMENT, None, number, field="recipient.account")
    assert field_of(refusal) == "recipient.account.number"


@given(st.text(CHARACTERS, min_size=1, max_size=20), st.lists(st.sampled_from("-. /")))
def test_where_the_separators_stand_makes_no_difference(number: str, separators: list[str]) -> None:
    written = "".join(f"{one}{between}" for one, between in _dealt(number, separators))
    assert parse_account(AccountType.SAVINGS, None, written).number == number


@pytest.mark.parametrize("branch", [None, "", "  "])
def test_an_institution_may_have_no_branches(branch: str | None) -> None:
    assert parse_account(AccountType.PAYMENT, branch, "1").branch is None


@pytest.mark.parametrize("branch", ["12345", "1234-5", "12A", "-1", "٣"])
def test_what_is_no_branch_is_refused_by_name(branch: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_account(AccountType.SALARY, branch, "1")
    assert field_of(refusal) == "account.branch"


def test_the_types_are_those_of_the_spi() -> None:
    assert [str(one) for one in AccountType] == ["CACC", "SVGS", "TRAN", "SLRY"]


@pytest.mark.parametrize(("text", "ispb"), [("60701190", "60701190"), (" 1a2b3c4d ", "1A2B3C4D")])
def test_an_ispb_is_eight_characters(text: str, ispb: str) -> None:
    assert parse_ispb(text) == ispb


@pytest.mark.parametrize("text", ["", "6070119", "607011900", "6070-190", "6070119\u212a"])
def test_what_is_no_ispb_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_ispb(text, field="recipient.account.ispb")
    assert field_of(refusal) == "recipient.account.ispb"


def test_a_name_is_kept_as_it_was_written() -> None:
    assert parse_holder_name("  João d'Ávila & Cia.  ") == "João d'Ávila & Cia."
    assert parse_holder_name("x" * NAME_CHARACTERS_MAX) == "x" * NAME_CHARACTERS_MAX


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * (NAME_CHARACTERS_MAX + 1), "Ana\nMaria", "A\x7f"]
)
def test_what_is_no_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_holder_name(name, field="holder.name")
    assert field_of(refusal) == "holder.name"


def _dealt(number: str, separators: list[str]) -> list[tuple[str, str]]:
    """Each character, and the separators that come after it."""
    return [(one, "".join(separators[index :: len(number)])) for index, one in enumerate(number)]

"""BACEN's reject codes in our words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.reasons import OUR_REASONS, REASONS, UNKNOWN_CODE, explain, reason_for

# The codes of the standards page, in its order.
WANTED = (
    "AB03 AC03 AC06 AC07 AC14 AG12 AG13 AM01 AM02 AM04 AM09 BE01 CH11 DS04 DT05 DUPL FF08 FRAD RR04"
)


def test_the_table_has_the_codes_worth_mapping() -> None:
    assert set(REASONS) == set(WANTED.split())


def test_every_code_of_ours_means_one_thing() -> None:
    codes = [reason.code for reason in REASONS.values()]
    assert len(set(codes)) == len(codes)
    assert UNKNOWN_CODE not in codes
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("bacen", WANTED.split())
def test_every_reason_has_a_sentence_in_both_languages(bacen: str) -> None:
    reason = REASONS[bacen]
    assert reason.bacen == bacen
    assert reason.text_pt != reason.text_en
    for text in (reason.text_pt, reason.text_en):
        assert re.fullmatch(r"[A-Z].{10,}\.", text)


def test_codes_that_callers_rely_on_are_pinned() -> None:
    assert reason_for("AB03").code == "settlement_timeout"
    assert reason_for("AM02").code == "amount_above_limit"
    assert reason_for("FRAD").code == "suspected_fraud"
    assert reason_for("AG12").code == "same_institution"


def test_case_and_spaces_of_a_provider_do_not_matter() -> None:
    assert reason_for(" ab03 ") is REASONS["AB03"]


@pytest.mark.parametrize(("given_code", "kept"), [("ZZ99", "ZZ99"), ("", ""), (None, "")])
def test_an_unknown_code_is_a_plain_rejection_that_keeps_what_was_said(
    given_code: str | None, kept: str
) -> None:
    reason = reason_for(given_code)
    assert (reason.code, reason.bacen) == (UNKNOWN_CODE, kept)
    assert reason.text_pt == "O pagamento foi recusado."


@given(st.text(max_size=10))
def test_no_code_stops_a_payment_from_failing_properly(bacen: str) -> None:
    assert reason_for(bacen).code


def test_what_failed_here_is_explained_in_our_own_words() -> None:
    ours = explain("insufficient_funds", None)
    assert ours is OUR_REASONS["insufficient_funds"]
    assert (ours.bacen, ours.code) == ("", "insufficient_funds")
    for text in (ours.text_pt, ours.text_en):
        assert re.fullmatch(r"[A-Z].{10,}\.", text)


def test_what_a_provider_rejected_is_explained_by_its_code() -> None:
    assert explain("invalid_account", "AC03") is REASONS["AC03"]
    assert explain("insufficient_funds", "AM04") is REASONS["AM04"]
    assert explain("something_new", None).code == UNKNOWN_CODE

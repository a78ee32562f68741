"""The data map as data: whole, without contradictions, and what docs/privacy.md says."""

from collections import Counter
from pathlib import Path

import pytest

from fluxiq.admin.render_data_map import render_data_map
from fluxiq.domain.data_map import Direct, Form, Mapped, Whose
from fluxiq.domain.data_map_tables import DATA_MAP, PERSONAL, mapped

BEGIN, END = "<!-- the data map -->\n", "<!-- the end of the data map -->\n"
PAGE = Path(__file__).parents[3] / "docs" / "privacy.md"


def test_a_table_is_mapped_once() -> None:
    counted = Counter(one.table for one in DATA_MAP)
    assert [table for table, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("one", DATA_MAP, ids=lambda one: one.table)
def test_a_column_is_classified_once(one: Mapped) -> None:
    counted = Counter(one.columns())
    assert [column for column, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("one", PERSONAL, ids=lambda one: one.table)
def test_what_is_personal_says_why_on_what_basis_and_for_how_long(one: Mapped) -> None:
    assert one.is_personal
    assert one.purpose
    assert one.basis is not None
    assert one.kept is not None


@pytest.mark.parametrize("one", PERSONAL, ids=lambda one: one.table)
def test_what_is_plain_says_why_and_nothing_else_does(one: Mapped) -> None:
    said = {column.column: bool(column.plain_because) for column in one.direct}
    plain = {column.column: column.form is Form.PLAIN for column in one.direct}
    assert said == plain


def test_a_table_that_is_not_mapped_is_no_silent_answer() -> None:
    assert mapped("payouts").is_personal
    with pytest.raises(KeyError):
        mapped("payout")


def test_a_plain_column_is_shown_with_its_reason() -> None:
    column = Direct(
        column="city", what="city", whose=Whose.PAYER, form=Form.PLAIN, plain_because="on a map"
    )
    text = render_data_map([Mapped(table="towns", direct=(column,), other="id")])
    assert "| `towns.city` | city | payers | plain: on a map |" in text
    assert "| `towns` |  | id |" in text


def test_the_page_is_what_the_map_says() -> None:
    """Write it anew with `python run.py privacy map`."""
    _, begins, after = PAGE.read_text().partition(BEGIN)
    shown, ends, _ = after.partition(END)
    assert begins
    assert ends
    assert shown == render_data_map(DATA_MAP) + "\n"

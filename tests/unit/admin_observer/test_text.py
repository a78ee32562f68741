"""Text on its way to a terminal: nothing that obeys, nothing that overflows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.admin.observer.frame import Span, Tone, paint, update
from fluxiq.admin.observer.text import Look, cells, clean, duration, fit, quantity, wrap
from tests.unit.admin_observer.observer_kit import NASTY, OURS

LOOKS = (Look(), Look(unicode=False), Look(colours=False))
# Characters that terminals obey or misplace, among ordinary ones.
TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x07\r\n\t\u202e\u200d漢é")))


@pytest.mark.parametrize("look", LOOKS)
@given(texts=st.lists(TEXTS, max_size=4), width=st.integers(0, 60))
def test_a_painted_line_is_exactly_as_wide_as_it_should_be_and_has_no_control_character(
    look: Look, texts: list[str], width: int
) -> None:
    spans = [Span(text, tone) for text, tone in zip(texts, Tone, strict=False)]
    plain = OURS.sub("", paint(spans, width, look))

    assert cells(plain) == width
    assert plain.isprintable()
    assert look.unicode or plain.isascii()


@given(text=TEXTS, width=st.integers(0, 40), keep_end=st.booleans(), right=st.booleans())
def test_a_fitted_text_is_exactly_as_wide_as_asked(
    text: str, width: int, keep_end: bool, right: bool
) -> None:
    assert cells(fit(text, width, Look(), keep_end=keep_end, right=right)) == width


@given(text=TEXTS, width=st.integers(8, 40))
def test_wrapped_lines_are_never_wider_and_nothing_is_lost(text: str, width: int) -> None:
    lines = list(wrap(text, width, Look()))

    assert all(cells(one) <= width and one.isprintable() for one in lines)
    assert "".join(lines) == "".join(clean(one.expandtabs(4), Look()) for one in text.splitlines())


def test_a_sequence_that_a_name_smuggles_in_is_shown_and_not_obeyed() -> None:
    assert clean("till\x1b[2J\x07", Look()) == r"till\x1b[2J\x07"
    assert clean("\x9b31m", Look()) == r"\x9b31m"
    assert clean("a\u202eb\u200dc\u2028", Look()) == r"a\u202eb\u200dc\u2028"


def test_what_is_harmless_stays_as_it_is() -> None:
    assert clean("Cobrança da São João 漢字", Look()) == "Cobrança da São João 漢字"
    assert clean("e\u0301", Look()) == "é"  # put together, so that it has a width
    assert clean("São", Look(unicode=False)) == "S?o"


@pytest.mark.parametrize("text", NASTY)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text, Look()), Look()) == clean(text, Look())


def test_a_text_that_is_cut_says_where() -> None:
    assert fit("institutions", 8, Look()) == "institu…"
    assert fit("institutions", 8, Look(unicode=False), keep_end=True) == "~tutions"
    assert fit("漢字漢字", 4, Look()) == "漢… "  # half of a wide character is a space
    assert fit("7", 3, Look(), right=True) == "  7"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (0.9, "0s"), (99, "99s"), (100, "1m"), (5999, "99m"), (6000, "1h"), (8e7, "925d")],
)
def test_a_duration_is_as_coarse_as_its_size(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0, "0"), (0.25, "0.2"), (12.4, "12"), (999, "999"), (1000, "1.0k")),
        *((9999, "10k"), (31_400, "31k"), (1_700_000, "1.7M"), (2e9, "2.0G")),
    ],
)
def test_a_quantity_fits_four_columns(number: float, text: str) -> None:
    assert quantity(number) == text


def test_a_line_that_is_cut_between_two_spans_says_so() -> None:
    spans = (Span("three"), Span(""), Span("more"))

    assert paint(spans, 5, Look()) == "thre…"
    assert paint(spans, 6, Look()) == "three…"
    assert paint(spans, 9, Look()) == "threemore"
    assert paint(spans[:2], 5, Look()) == "three"


def test_only_rows_that_differ_are_sent_again() -> None:
    assert update(["a", "b", "c"], ["a", "x", "c"]) == "\x1b[2;1H\x1b[Kx"
    assert update(["a"], ["a"]) == ""
    assert update([], ["a", "b"]) == "\x1b[1;1H\x1b[Ka\x1b[2;1H\x1b[Kb"


def test_without_colours_only_bold_and_reverse_are_used() -> None:
    painted = "".join(paint([Span("x", tone)], 3, Look(colours=False)) for tone in Tone)

    assert {match[2:-1] for match in OURS.findall(painted)} <= {"0", "1", "7", "1;7"}

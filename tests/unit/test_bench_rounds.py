"""How the benchmarks of the runtime take turns, and what they say of peers that are not there."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.rounds import Absent, Contender, at_least, at_most, in_turns

NO_PYKKA = importlib.util.find_spec("pykka") is None
NO_OTP = shutil.which("erl") is None or shutil.which("escript") is None


def test_contenders_alternate() -> None:
    turns: list[str] = []
    contenders = [_of(name, [1.0, 1.0, 1.0], turns) for name in ("a", "b")]

    in_turns("", contenders, 3)

    assert turns == ["a", "b", "a", "b", "a", "b"]


def test_a_share_is_the_median_of_the_shares_of_the_rounds() -> None:
    """A machine at half its speed halves both; the medians alone would say 3 / 4."""
    samples = in_turns(
        "calls/s", [_of("bare: x", [4.0, 8.0, 4.0]), _of("actor: x", [3.0, 4.0, 2.0])], 3
    )

    share = samples.share("actor: x", "bare: x", "at least 0.5", at_least(0.5))

    assert (share.name, share.value, share.holds) == ("actor: x: share of bare", 0.5, True)
    assert share.note == "0.5 to 0.75 in 3 rounds"


def test_a_row_is_the_median_with_its_spread() -> None:
    row = in_turns("ms", [_of("x", [0.2, 0.9, 0.3])], 3).row("x", "at most 0.25", at_most(0.25))

    assert (row.value, row.unit, row.holds) == (0.3, "ms", False)
    assert row.note == "0.2 to 0.9 in 3 rounds"


def test_what_is_not_told_by_itself_follows_and_a_missing_peer_has_no_value() -> None:
    absent = Absent(name="peer: x", note="how to get it")
    samples = in_turns("calls/s", [_of("a", [1.0]), absent, _of("b", [2.0])], 1)

    b, peer = samples.others("a")

    assert (b.name, b.value) == ("b", 2.0)
    assert (peer.name, peer.value, peer.note) == ("peer: x", None, "how to get it")


def test_a_peer_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    pykka, otp = peers.pykka("x", "calls", 1, 1), peers.otp("x", "calls", 1, 1)

    assert isinstance(pykka, Absent)
    assert "pip install" in pykka.note
    assert "[bench]" in pykka.note
    assert isinstance(otp, Absent)
    assert "Erlang" in otp.note


@pytest.mark.skipif(NO_PYKKA, reason="pykka is in the extra `bench` only")
@pytest.mark.parametrize("words", [("calls", 2, 4), ("casts", 4), ("starts", 2)])
def test_every_round_of_pykka_gives_a_figure(words: tuple[str, *tuple[int, ...]]) -> None:
    peer = peers.pykka("x", *words)

    assert isinstance(peer, Contender)
    assert peer.measure() > 0


@pytest.mark.skipif(NO_OTP, reason="Erlang/OTP is not installed")
@pytest.mark.parametrize(
    "words",
    [
        *[("calls", 2, 4), ("casts", 4), ("restarts", 2, 2), ("memory", 2_000)],
        *[("starts_static", 2), ("starts_dynamic", 2)],
    ],
)
def test_every_round_of_otp_gives_a_figure(words: tuple[str, *tuple[int, ...]]) -> None:
    peer = peers.otp("x", *words)

    assert isinstance(peer, Contender)
    assert peer.measure() > 0


def _of(name: str, values: list[float], turns: list[str] | None = None) -> Contender:
    """A contender with these values, one a round."""
    coming = iter(values)

    def measure() -> float:
        if turns is not None:
            turns.append(name)
        return next(coming)

    return Contender(name=name, measure=measure)

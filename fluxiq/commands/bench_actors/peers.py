"""The peers that a machine may have: pykka (actors on threads) and Erlang/OTP itself."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from fluxiq.commands.bench_actors.rounds import Absent, Contender
from fluxiq.commands.bench_actors.threads import PYKKA_ROUNDS

OTP_SECONDS_MAX = 120.0
_OTP = Path(__file__).with_name("otp.escript")
_NO_PYKKA = "not installed: pip install -c deploy/constraints.txt -e '.[bench]'"
_NO_OTP = "no erl and escript on the PATH: install Erlang/OTP (Debian: erlang-base)"


def pykka(row: str, round_name: str, *counts: int) -> Contender | Absent:
    """Return pykka's way to do it; a round is a function in `threads`."""
    name = f"pykka: {row}"
    if importlib.util.find_spec("pykka") is None:
        return Absent(name=name, note=_NO_PYKKA)
    measure = PYKKA_ROUNDS[round_name]
    return Contender(name=name, measure=lambda: measure(*counts))


def otp(row: str, round_name: str, *counts: int) -> Contender | Absent:
    """Return OTP's way to do it, each round in a virtual machine of its own."""
    name = f"OTP: {row}"
    if shutil.which("erl") is None or (escript := shutil.which("escript")) is None:
        return Absent(name=name, note=_NO_OTP)
    words = [escript, str(_OTP), round_name, *map(str, counts)]
    return Contender(name=name, measure=lambda: _run(words))


def _run(words: list[str]) -> float:
    """Raises CalledProcessError or TimeoutExpired: a peer that fails is no figure."""
    done = subprocess.run(  # noqa: S603 -- our own script
        words, stdout=subprocess.PIPE, text=True, check=True, timeout=OTP_SECONDS_MAX
    )
    return float(done.stdout)

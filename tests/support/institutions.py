"""Institutions that come and go while a platform runs, as an operator orders it."""

import json
from pathlib import Path
from typing import Any

from actors.embedded import DataDirectory
from fluxiq.commands.demo_data import Login
from tests.support.commands import Finished, fluxiq
from tests.support.platform import PlatformProcess

DOCUMENT = "00038166000105"  # valid by its check digits, and nobody's


def order(platform: PlatformProcess, *words: str) -> Finished:
    """`run.py institution …`, to its end."""
    return fluxiq("institution", *words, data_dir=platform.data_dir)


def done(platform: PlatformProcess, *words: str) -> str:
    """What it printed; it must have gone well."""
    finished = order(platform, *words)
    assert finished.status == 0, finished.stderr
    return finished.stdout


def refusal(platform: PlatformProcess, *words: str) -> str:
    """What it said; it must have been refused in one sentence."""
    finished = order(platform, *words)
    assert finished.status == 1, finished.stdout
    [sentence] = finished.complaints
    assert sentence.startswith("fluxiq: ")
    return sentence.removeprefix("fluxiq: ")


def enrolled(platform: PlatformProcess, ispb: str) -> Login:
    """A merchant of the institution, with the key that was shown once."""
    words = ("--name", "Café Novo", "--document", DOCUMENT, "--city", "Recife", "--yes")
    first, second = done(platform, "enroll", ispb, *words).strip().splitlines()
    said = first.replace(",", "").split()
    return Login(
        ispb=ispb,
        institution=ispb,
        merchant="Café Novo",
        merchant_id=said[1],
        account_id=said[3],
        pix_key=said[6],
        api_key=second.rpartition(" ")[2],
    )


def standing(platform: PlatformProcess) -> dict[str, str]:
    """The state of everybody who is registered."""
    answer: list[dict[str, Any]] = json.loads(done(platform, "list", "--json"))
    return {one["ispb"]: one["state"] for one in answer}


def a_file(folder: Path, ispb: str, ledger: int, more: str = "") -> Path:
    """A sound declaration, and what a test adds to it."""
    file = folder / f"{ispb}.toml"
    file.write_text(
        f'ispb = "{ispb}"\nname = "Banco {ispb}"\nledger = {ledger}\n'
        f'providers = [{{ name = "simulator", kind = "simulator" }}]\n{more}'
    )
    return file


def secrets_of(platform: PlatformProcess) -> DataDirectory:
    """Without its lock, which the platform holds; asks for no port."""
    return DataDirectory(platform.data_dir, -1)

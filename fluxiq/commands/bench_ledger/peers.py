"""The peers of the ledger: `tigerbeetle benchmark`, and the official Python client."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import trio

from fluxiq.commands.bench_ledger.load import ACCOUNTS
from fluxiq.errors import StartRefused

SECONDS_MAX: Final = 300.0
_NUMBER: Final = r" *= *(\d+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a peer says of itself: transfers/s, and milliseconds of one request."""

    rate: float
    p50_ms: float
    p99_ms: float


async def tigerbeetle_benchmark(
    program: Path, addresses: str, *, transfers: int, batch: int, clients: int
) -> Accepted:
    """TigerBeetle's own load generator: uniform over as many accounts as ours, ids in order."""
    said = await _run(
        [
            *(str(program), "benchmark", f"--addresses={addresses}"),
            *(f"--account-count={ACCOUNTS}", f"--transfer-count={transfers}"),
            *(f"--transfer-batch-count={batch}", f"--clients={clients}"),
            *("--id-order=sequential", "--query-count=0"),
        ],
    )
    return Accepted(
        rate=_number("load accepted", said),
        p50_ms=_number("batch latency p50", said),
        p99_ms=_number("batch latency p99", said),
    )


async def official_client(addresses: str, *, transfers: int, batch: int) -> Accepted:
    """The wheel's ClientSync, in a process of its own: its log and its thread are not ours."""
    file = Path(__file__).with_name("official.py")
    said = await _run([sys.executable, str(file), addresses, str(transfers), str(batch)])
    return msgspec.json.decode(said.splitlines()[-1], type=Accepted)


async def _run(words: Sequence[str]) -> str:
    """Raises StartRefused with its last words: a peer that fails is no figure."""
    with trio.fail_after(SECONDS_MAX):
        done = await trio.run_process(
            words, capture_stdout=True, stderr=subprocess.STDOUT, check=False
        )
    said: str = done.stdout.decode()
    if done.returncode != 0:
        raise StartRefused(f"{' '.join(words[:2])} failed: {said.strip().splitlines()[-1:]}")
    return said


def _number(words: str, said: str) -> float:
    found = re.search(words + _NUMBER, said)
    if found is None:
        raise StartRefused(f"`tigerbeetle benchmark` does not say {words!r}: {said[-200:]!r}")
    return float(found[1])

"""The seals of an institution in tests: the real keyring, under keys that are made up."""

import hashlib
import math
from datetime import UTC, datetime
from pathlib import Path

from fluxiq.ports.sealing import Place
from fluxiq.sealing.key_file import KeyFile
from fluxiq.sealing.keyring import Keyring, Keys
from fluxiq.sealing.keys import open_keyring
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealing_keys import PostgresSealingKeys

GRANTED = 2**31


def keys_of(ispb: str, current: int = 1, *, plain_allowed: bool = False) -> Keys:
    """As many data keys as `current` says, the same at every run."""

    def key(name: str) -> bytes:
        return hashlib.sha256(f"{ispb} {name}".encode()).digest()

    return Keys(
        current=current,
        data={number: key(f"data {number}") for number in range(1, current + 1)},
        index=key("index"),
        plain_allowed=plain_allowed,
    )


def keyring(
    ispb: str = "12345678",
    current: int = 1,
    *,
    plain_allowed: bool = False,
    broken: list[Place] | None = None,
) -> Keyring:
    """A keyring that may seal; `broken` gets the places of what does not open."""
    alarms = broken if broken is not None else []
    ring = Keyring(ispb, keys_of(ispb, current, plain_allowed=plain_allowed), alarms.append)
    ring.grant(current, GRANTED)
    ring.vouch(math.inf)
    return ring


async def keyring_of(postgres: Postgres, ispb: str, data_dir: Path) -> Keyring:
    """The real keyring of an institution whose platform keeps its files in `data_dir`."""
    wrapper = KeyFile(data_dir / "secrets" / "sealing.keys")
    keys = PostgresSealingKeys(postgres)
    return await open_keyring(ispb, keys, wrapper, datetime.now(UTC), lambda place: None)

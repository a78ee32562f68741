"""Where a running platform is reached from this machine, on paper for its commands.

Apart from the platform itself, so that a command that only asks need not import all of it.
"""

from pathlib import Path

import msgspec

from fluxiq.errors import StartRefused


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """`run/platform.json` in the data directory."""

    pid: int
    api: str
    simulator: str | None
    admin_socket: str
    apps: dict[str, str] = {}  # the web apps that are served, by name


def read_addresses(data_dir: str | Path) -> Addresses:
    """Where the platform of this directory is. Raises StartRefused when none has run there."""
    file = Path(data_dir) / "run" / "platform.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Addresses)
    except (OSError, msgspec.DecodeError):
        raise StartRefused(
            f"no platform has run in {data_dir}; start one with `make run`"
        ) from None

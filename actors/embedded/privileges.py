"""Servers never run as root: Postgres refuses it, and the others have no need of it."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fluxiq.errors import StartRefused

UNPRIVILEGED_USER = "nobody"
PROBE_SECONDS_MAX = 10.0
_LEAVE_ROOT = (sys.executable, "-I", "-S", str(Path(__file__).with_name("leave_root.py")))


@dataclass(frozen=True, slots=True)
class Privileges:
    """`wrapper` is the command that gives root up; `owner` (uid, gid) must own the files then."""

    wrapper: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None

    def hand_over(self, folder: Path, *, through: Iterable[Path]) -> None:
        """Let the server own `folder`, with all in it, and reach it `through` the others.

        Nothing happens when the server runs as the owner anyway.
        """
        if self.owner is None:
            return

        for path in through:
            path.chmod(0o711)

        os.chown(folder, *self.owner)
        for path in folder.rglob("*"):
            os.chown(path, *self.owner, follow_symlinks=False)


def privileges_for(binary: Path) -> Privileges:
    """How to run `binary` from here. Raises StartRefused when root cannot be left."""
    if os.geteuid() != 0:
        return Privileges()

    if _can_run((*_LEAVE_ROOT, "namespace", str(binary), "--version")):
        return Privileges((*_LEAVE_ROOT, "namespace"))

    return unprivileged_user(binary)


def unprivileged_user(binary: Path) -> Privileges:
    """The way for systems that refuse user namespaces. Raises StartRefused."""
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    wrapper = (*_LEAVE_ROOT, "user", str(user.pw_uid), str(user.pw_gid))
    if _can_run((*wrapper, str(binary), "--version")):
        return Privileges(wrapper, (user.pw_uid, user.pw_gid))

    raise StartRefused(
        f"{binary.name} does not run as root, user namespaces are refused here, and the user"
        f" {UNPRIVILEGED_USER} cannot reach {binary}; start FluxiQ as an ordinary user."
    )


@cache
def _can_run(command: tuple[str, ...]) -> bool:
    try:
        finished = subprocess.run(  # noqa: S603  our own interpreter and script
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False

    return finished.returncode == 0

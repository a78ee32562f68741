"""What every command of ours does first: leave nothing of its memory or files to others.

Passwords, keys and people's data are in the memory of the platform and of its servers, which
inherit both limits.
"""

import os
import resource
from typing import Final

PRIVATE_UMASK: Final = 0o077  # of files that are made without a word about their mode

# The kernel writes no core file below a page, and with exactly 1 it calls no program that wants one
# either (core_pattern with a pipe, such as systemd's): with 0 it would. See fs/coredump.c.
CORE_BYTES_MAX: Final = 1


def keep_private() -> None:
    """Files for nobody but their owner, and no core dumps, from here on and for all children."""
    os.umask(PRIVATE_UMASK)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    allowed = hard == resource.RLIM_INFINITY or hard >= CORE_BYTES_MAX
    limit = CORE_BYTES_MAX if allowed else hard
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))

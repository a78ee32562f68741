"""A script: stop being root, then run the command. Standard library only, no site-packages.

    leave_root.py namespace COMMAND…     in a user namespace where this process is uid 1000
    leave_root.py user UID GID COMMAND…  as another user

In the namespace root's files stay readable and writable, under a 0700 home too, but every
privilege is gone. The kernel forgets PR_SET_PDEATHSIG when the user changes, so it is set again.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 2, 38
NAMESPACE_UID = 1000
libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")

    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NAMESPACE_UID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NAMESPACE_UID} {gid} 1")


def become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def main(arguments: list[str]) -> None:
    try:
        parent, death_signal = os.getppid(), ctypes.c_int()
        libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(death_signal), 0, 0, 0)
        if arguments[0] == "namespace":
            enter_namespace()
            command = arguments[1:]
        else:
            become(int(arguments[1]), int(arguments[2]))
            command = arguments[3:]

        libc.prctl(PR_SET_PDEATHSIG, death_signal.value, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent died meanwhile")

        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores them; the command must not

        os.execvp(command[0], command)  # noqa: S606  no shell is the point
    except OSError as error:
        sys.exit(f"cannot leave root for {arguments}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

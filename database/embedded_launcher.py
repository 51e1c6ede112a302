"""Becomes another program: gives up root, ties itself to the life of its starter or lets go of it, then executes.

Run as a script for PostgreSQL's programs (`database.embedded`) and for our own (`database.child_process`), in a fresh
isolated interpreter: standard library only.
Doing this here and not in a `preexec_fn` means that no Python code runs between fork and exec of a process that may
have threads, where any lock of theirs would be held for ever.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def drop_root(uid: int, gid: int) -> None:
    """Become this user for good, without a supplementary group of the old one."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(starter: int, signal_number: int) -> None:
    """Have the kernel send us the signal when the starting thread dies (Linux; elsewhere nothing happens).

    After `drop_root`, because the kernel forgets this wish when the user changes. The starter may have died just
    before the wish was made; then there is nobody to serve.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != starter:
        sys.exit(f"the process {starter} that asked for this is gone")


def let_go() -> None:
    """Go on in a child that belongs to nobody, after telling its process id on standard output."""
    child = os.fork()
    if child:
        os.write(1, str(child).encode())
        os._exit(0)
    os.setsid()
    os.dup2(2, 1)


def main(arguments: list[str]) -> None:
    """Arguments: uid and gid to become (-1 = stay), starter (0 = let go of it), signal at its death, the command."""
    uid, gid, starter, signal_number = (int(text) for text in arguments[:4])
    command = arguments[4:]
    if uid >= 0:
        drop_root(uid, gid)
    if starter:
        die_with(starter, signal_number)
    else:
        let_go()
    os.execv(command[0], command)  # noqa: S606 - replacing this process is the point


if __name__ == "__main__":
    main(sys.argv[1:])

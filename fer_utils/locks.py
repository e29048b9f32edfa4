"""One program at a time: a lock with its owner, for folders of runs and for caches.

The lock is the operating system's (`filelock`): it ends with the process that holds it, however
that ends, so nothing has to be cleared away after a crash. Beside it lies a small file that says
who holds it. Between machines it holds where their shared file system passes locks on, as NFS does
(version 4 also ends those of a machine that is gone); where there are none, a line says so.
"""

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fer_utils.errors import FerError
from fer_utils.files import write

LOCK = ".lock"

# Nobody else writes where this program cannot: what is there can be read without a lock.
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class InUseError(FerError):
    """Another program is at work in the same folder."""


class _Held(threading.local):
    def __init__(self) -> None:
        self.locks: set[Path] = set()


_held = _Held()


@contextmanager
def hold(lock: Path, *, wait: bool = False, sent: str = "") -> Iterator[bool]:
    """Hold a lock until the end of the block; a thread that has it already may hold it again.

    Args:
        lock: the lock's file, in a folder that is there; of a folder of runs it is `LOCK` in it.
        wait: for whoever holds it, saying so once, instead of raising an InUseError.
        sent: the name under which a cluster was given this work. Its machines hold the lock in
            each other's place: one that was believed dead may have it still, and is told
            otherwise that its work has gone on elsewhere (`fer_lab.run.RunLock`).

    Yields:
        whether it had to wait.

    Raises:
        InUseError: another program or thread holds it; the message says which, and since when.
    """
    from filelock import FileLock, Timeout

    lock = lock.resolve()
    if lock in _held.locks:
        yield False
        return
    file, waited = FileLock(lock), False
    try:
        file.acquire(timeout=0)
    except Timeout:
        owner = _owner(lock)
        if wait:
            print(f"{lock.parent}: waiting for {_in_words(owner)}, which is writing there.")
            file.acquire()
            waited = True
        elif not sent or owner.get("sent") != sent:
            raise InUseError(
                f"{lock.parent} is in use by {_in_words(owner)}: wait until it ends, or choose "
                f"another folder (if its machine is gone, delete {lock})."
            ) from None
    except OSError as problem:
        if problem.errno not in _READ_ONLY:
            print(f"{lock.parent} cannot be locked ({problem}): keep other programs out of it.")
    _held.locks.add(lock)
    try:
        if file.is_locked:
            if lock.name == LOCK:  # nobody else writes in this folder now
                _clear_away(lock.parent)
            with suppress(OSError, FerError):  # a full disk: the lock holds without its owner
                write(_about(lock), json.dumps(_me(sent)) + "\n")
        yield waited
    finally:
        _held.locks.remove(lock)
        if file.is_locked:
            with suppress(OSError):
                _about(lock).unlink(missing_ok=True)
            file.release()


def _clear_away(folder: Path) -> None:
    """Remove what `files.write` had not finished when a program was killed."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            part.unlink()


def _me(sent: str) -> dict[str, Any]:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    me = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    return {**me, "sent": sent} if sent else me


def _about(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.json")


def _owner(lock: Path) -> dict[str, Any]:
    try:
        owner = json.loads(_about(lock).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _in_words(owner: dict[str, Any]) -> str:
    if not {"process", "host", "since"} <= set(owner):
        return "another program"
    return f"process {owner['process']} on {owner['host']} since {owner['since']}"

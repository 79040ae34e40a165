"""Locks between processes of one machine: held by a file handle, so they die with their owner."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.settings import Settings


@contextmanager
def file_lock(settings: Settings, name: str) -> Iterator[None]:
    """Waits for its turn, then holds the lock of that name."""
    settings.locks.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(settings.locks / name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_locked(settings: Settings, name: str) -> bool:
    """Whether somebody holds the lock of that name at this moment."""
    settings.locks.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(settings.locks / name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class Users:
    """Those who use one thing at once; who made it can wait until the others are done."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def wait_until_alone(self, seconds: float) -> bool:
        """Whether the others were done in that time. Whoever comes now waits in its turn."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(0.1)
        return False


@contextmanager
def shared_lock(settings: Settings, name: str) -> Iterator[Users]:
    """Held by any number of users at once."""
    settings.locks.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(settings.locks / name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield Users(handle)
    finally:
        os.close(handle)

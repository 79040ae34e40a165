"""Locks between processes of one machine: held by a file handle, so they die with their owner."""

import fcntl
import os
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

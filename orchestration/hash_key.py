"""The secret of a home: what its keyed hashes are made with, readable by its owner alone."""

import hashlib
import logging
import os
import secrets
import tempfile
from pathlib import Path

from orchestration.settings import Settings

logger = logging.getLogger(__name__)


def hash_key(settings: Settings) -> str:
    """The key of the keyed hashes, made at first use."""
    path = settings.prepare().home / "hash.key"
    if not path.exists():
        # Not named after the process: in a container its number is the same after every crash.
        handle, fresh = tempfile.mkstemp(prefix="hash.key.", dir=path.parent)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(fresh)
        except FileExistsError:
            logger.debug("another process made the key first")
        finally:
            Path(fresh).unlink()
    return path.read_text()


def key_id(key: str) -> str:
    """A name for a key that tells nothing of it."""
    return hashlib.sha256(f"name of {key}".encode()).hexdigest()[:12]

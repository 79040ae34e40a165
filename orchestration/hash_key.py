"""The secret of a home: what its keyed hashes are made with, readable by its owner alone."""

import hashlib
import logging
import os
import secrets
import tempfile
from pathlib import Path

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings

logger = logging.getLogger(__name__)


SHORTEST = 32
"""Signs of a key: fewer can be guessed, and none at all would make every hash a plain one."""


def hash_key(settings: Settings) -> str:
    """The key of the keyed hashes, made at first use.

    Raises:
        ConfigurationError: the file holds none that would keep anything secret.
    """
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
    key = path.read_text()
    if len(key.strip()) < SHORTEST:
        raise ConfigurationError(
            f"{path}: is shorter than {SHORTEST} signs, so that its hashes would tell what they hide. "
            "Put the file of the backup back, or delete it for a new one"
        )
    return key


def key_id(key: str) -> str:
    """A name for a key that tells nothing of it."""
    return hashlib.sha256(f"name of {key}".encode()).hexdigest()[:12]

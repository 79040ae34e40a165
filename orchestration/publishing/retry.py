"""How long to go on trying: attempts, waits between them, and when to give up."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long to go on trying; the last three are for tests."""

    attempts: int = 6
    """Requests for the same rows before giving up."""
    attempts_of_parts: int = 2
    """The same, while a row that is always refused is looked for."""
    elapsed_seconds: float = 3600.0
    """No request for a chunk is tried again after that time."""
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    fresh_seconds: float = 300.0
    """How long a replica may be behind before what was written cannot be known."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def wait(self, attempt: int, *, at_least: float = 0.0) -> None:
        """Sleeps after a failed attempt: twice as long each time, by chance up to half less."""
        longest = min(self.first_wait_seconds * 2 ** (attempt - 1), self.longest_wait_seconds)
        self.sleep(max(longest * (1 - self.chance() / 2), at_least))

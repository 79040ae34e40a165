"""Times named steps; the last line of output is the JSON that the parent reads."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """Seconds by step."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Times one step."""
        started = time.perf_counter()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - started

    def report(self) -> None:
        """Prints the JSON."""
        print(json.dumps(self._seconds))

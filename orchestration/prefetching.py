"""Making the next of many things while the last one is in use."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one always being made by a thread of its own."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chunks") as worker:
        try:
            coming = worker.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = worker.submit(next, items, None)
                yield item
        finally:
            # What was opened in the thread is closed there, after the item under way.
            worker.submit(getattr(items, "close", lambda: None)).result()

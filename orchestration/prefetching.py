"""Making the next of many things while the last one is in use."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T]:
    """The same items, the next one always being made by a thread of its own.

    Whoever does not take them all closes it, or lets go of it at once: collected later as garbage,
    it may be by that very thread, which would wait for itself.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chunks") as worker:
        try:
            coming = worker.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = worker.submit(next, items, None)
                yield item
        finally:
            # What was opened in the thread is closed there, after the item under way.
            worker.submit(getattr(items, "close", lambda: None)).result()

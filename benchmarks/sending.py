"""`python -m benchmarks.sending`: an initial load, beside plain requests that post the same bytes.

A million rows of 21 columns like the calls are sent from a plan's files, once to a server that throws
bodies away, once to the local portal, each a process of its own. Beside each: the same bodies, ready
in memory, posted by plain `requests`. Compare the ratios: machines differ and are noisy. Rendering
alone and reading the rows back are timed too; memory is this process's peak.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import requests

from benchmarks.portal import LOGIN, portal_process
from orchestration.dataset import Dataset, load_datasets
from orchestration.publishing.chunks import CHUNK_ROWS, planned_chunks
from orchestration.publishing.retry import RetryPolicy
from orchestration.publishing.senders import unnoted
from orchestration.publishing.sending import RowSender
from orchestration.publishing.transport import Credentials, SodaTransport
from orchestration.settings import PACKAGE

_BIN = """
import socket, threading
answer = b'{"rows_created":5000,"rows_updated":0,"rows_deleted":0,"errors":[]}'
def serve(connection):
    room = memoryview(bytearray(1 << 20))
    with connection, connection.makefile("rb") as stream:
        while stream.readline():
            left = 0
            while (line := stream.readline()) not in (b"\\r\\n", b""):
                name, _, value = line.partition(b":")
                left = int(value) if name.lower() == b"content-length" else left
            while left:
                left -= stream.readinto(room[:min(left, len(room))])
            connection.sendall(
                b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json; charset=utf-8\\r\\n"
                b"Content-Length: %d\\r\\n\\r\\n%s" % (len(answer), answer)
            )
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
_TEXTS = {
    "item_number": "'A' || lpad(i::varchar, 7, '0')",
    "call_type_text": "'SUSPICIOUS PERSON ' || (i % 90)",
    "initial_call_type_text": "'DISTURBANCE (OTHER)'",
    "disposition_text": "'NECESSARY ACTION TAKEN'",
    "block_address": "'0' || (i % 99) || 'XX Saint Claude Ave'",
    "zip_code": "'70117'",
}
_OTHERS = {
    "number": "3690000 + (i % 9000) / 2",
    "timestamp": "timestamp '2022-01-01' + to_minutes(i)",
    "boolean": "i % 2 = 0",
    "point": "'POINT (-90.0' || (i % 100000) || ' 29.9' || (i % 100000) || ')'",
    "text": "'T' || (i % 80)",
}


def write_plan(folder: Path, dataset: Dataset, rows: int) -> None:
    """The two files of a plan that are sent: so many inserts, no delete."""
    cells = ", ".join(
        f"{_TEXTS.get(column.name, _OTHERS[column.type])} as {column.name}"
        for column in dataset.published
    )
    with duckdb.connect() as connection:
        for name, source in (
            ("upserts", f"select '' as _partition, {cells} from range({rows}) t(i)"),
            ("deletes", f"select '' as _partition, '' as {dataset.key} limit 0"),
        ):
            connection.execute(
                f"copy ({source}) to '{folder / name}.parquet' (format parquet, compression zstd)"
            )


@contextmanager
def bin_process() -> Iterator[str]:
    """A server that reads every body, keeps nothing, and counts the rows of a full chunk."""
    process = subprocess.Popen([sys.executable, "-c", _BIN], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


def time_plain(address: str, portal_id: str, dataset: Dataset, folder: Path) -> float:
    """Seconds that plain requests take for bodies that are ready."""
    url, seconds = f"http://{address}/resource/{portal_id}.json", 0.0
    headers = {"Content-Type": "application/json", "X-App-Token": "local"}
    with requests.Session() as session:
        session.auth = LOGIN
        for chunk in planned_chunks(dataset, folder):
            started = time.perf_counter()
            session.post(url, data=chunk.body, headers=headers, timeout=600).raise_for_status()
            seconds += time.perf_counter() - started
    return seconds


def time_ours(address: str, portal_id: str, dataset: Dataset, folder: Path) -> float:
    """Seconds from the plan's files to the last answer."""
    with closing(_transport(address)) as transport:
        sender = RowSender(transport, dataset, RetryPolicy())
        started = time.perf_counter()
        for chunk in planned_chunks(dataset, folder):
            sender.send(portal_id, chunk, note=unnoted)
        return time.perf_counter() - started


def main() -> None:
    """Prints the timings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = max(1, parser.parse_args().rows // CHUNK_ROWS) * CHUNK_ROWS
    dataset = next(iter(load_datasets(PACKAGE / "datasets").values()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_plan(folder, dataset, rows)
        started = time.perf_counter()
        size = sum(len(chunk.body) for chunk in planned_chunks(dataset, folder))
        _say("rendering alone", time.perf_counter() - started, rows, size)
        with bin_process() as address:
            for title, send in WAYS.items():
                seconds = send(address, "abcd-1234", dataset, folder)
                _say(f"thrown away, {title}", seconds, rows, size)
        for title, send in WAYS.items():
            with tempfile.TemporaryDirectory() as home, portal_process(Path(home)) as (url, _):
                address = url.removeprefix("http://")
                with closing(_transport(address)) as transport:
                    portal_id = transport.create(dataset, title="Bench")
                seconds = send(address, portal_id, dataset, folder)
                _say(f"local portal, {title}", seconds, rows, size)
        print(f"peak memory of this process: {_peak():.0f} MB")


WAYS = {"plain requests": time_plain, "ours": time_ours}


def _transport(address: str) -> SodaTransport:
    credentials = Credentials(app_token="local", username=LOGIN[0], password=LOGIN[1])
    return SodaTransport(address, credentials, scheme="http")


def _say(title: str, seconds: float, rows: int, size: int) -> None:
    print(
        f"{title:32} {seconds:6.2f} s {rows / seconds:>11,.0f} rows/s {size / seconds / 1e6:7.1f} MB/s"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

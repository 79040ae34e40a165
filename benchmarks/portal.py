"""`python -m benchmarks.portal`: what the local portal itself costs, in rows a second.

A million rows of a table like the calls are upserted in chunks of 5,000 over loopback, first as
JSON, then as CSV, each portal in a process of its own; the same bytes also go to a server that
throws them away. Timed are the loads, an upsert of the same rows once more, and the reads that a
verification makes; memory is the portal's peak after each tenth, which should stay flat.
"""

import argparse
import csv
import io
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

CHUNK = 5_000
COLUMNS = {
    "call_number": "text",
    "type_text": "text",
    "street": "text",
    "priority": "number",
    "created_at": "calendar_date",
    "arrived_at": "calendar_date",
    "response_seconds": "number",
    "is_open": "checkbox",
    "latitude": "number",
    "longitude": "number",
}
LOGIN = ("local", "local")


def make_rows(first: int, count: int) -> list[dict[str, object]]:
    """Rows with keys from `first` on; one in five never arrived."""
    chance = random.Random(first)
    rows: list[dict[str, object]] = []
    for number in range(first, first + count):
        arrived = chance.random() > 0.2
        minute = f"{number % 24:02}:{number % 60:02}"
        rows.append(
            {
                "call_number": f"C{number:08}",
                "type_text": f"TYPE {number % 80}",
                "street": f"{number % 9000} LAKE ST",
                "priority": number % 5,
                "created_at": f"2025-03-{number % 28 + 1:02}T{minute}:00.000",
                "arrived_at": f"2025-03-{number % 28 + 1:02}T{minute}:45" if arrived else None,
                "response_seconds": chance.randrange(30, 4000) if arrived else None,
                "is_open": number % 7 == 0,
                "latitude": f"{29 + chance.random():.6f}",
                "longitude": f"{-90 - chance.random():.6f}",
            }
        )
    return rows


def as_json(rows: list[dict[str, object]]) -> bytes:
    """A body of JSON."""
    return json.dumps(rows).encode()


def as_csv(rows: list[dict[str, object]]) -> bytes:
    """A body of CSV; null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(["" if value is None else str(value) for value in row.values()])
    return text.getvalue().encode()


@contextmanager
def portal_process(home: Path) -> Iterator[tuple[str, int]]:
    """A portal in a process of its own: its URL and its process id."""
    serve = "import sys; from pathlib import Path; from orchestration.portal.server import *; "
    serve += "serve_forever(Path(sys.argv[1]), 0, announce=lambda a: print(a, flush=True))"
    process = subprocess.Popen(
        [sys.executable, "-c", serve, str(home)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://{process.stdout.readline().strip()}", process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def bin_server() -> Iterator[str]:
    """A server that reads every body and keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_throw_away, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def _throw_away(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as stream:
        while request_line := stream.readline():
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            stream.read(length)
            assert request_line
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def peak_megabytes(pid: int) -> float:
    """The peak resident size of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def load(session: requests.Session, url: str, kind: str, rows: int, pid: int) -> None:
    """Upserts the rows in chunks and says how fast that was, apart from making the bodies."""
    make = as_csv if kind == "csv" else as_json
    headers = {"Content-Type": "text/csv" if kind == "csv" else "application/json"}
    seconds, sent, peaks = 0.0, 0, []
    for number, first in enumerate(range(0, rows, CHUNK)):
        body = make(make_rows(first, min(CHUNK, rows - first)))
        started = time.perf_counter()
        answer = session.post(url, data=body, headers=headers, timeout=600)
        seconds += time.perf_counter() - started
        answer.raise_for_status()
        sent += len(body)
        if pid and number % max(1, rows // CHUNK // 10) == 0:
            peaks.append(round(peak_megabytes(pid)))
    print(f"    {rows / seconds:>9,.0f} rows/s  {sent / seconds / 1e6:6.1f} MB/s  {seconds:6.1f} s")
    if peaks:
        print(f"    peak memory, MB: {peaks}")


def time_reads(session: requests.Session, url: str) -> None:
    """What a verification asks."""
    selections = [f"count({name}) as c{place}" for place, name in enumerate(COLUMNS)]
    selections += ["sum(response_seconds) as s", "max(created_at) as m", "count(*) as n"]
    for title, query in {
        "counts, sum, max": {"$select": ",".join(selections)},
        "50,000 rows by key": {"$order": "call_number", "$limit": "50000"},
    }.items():
        started = time.perf_counter()
        session.get(url, params=query, timeout=600).raise_for_status()
        print(f"    {time.perf_counter() - started:9.2f} s  {title}")


def main() -> None:
    """Prints the timings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    for kind in ("json", "csv"):
        with bin_server() as url, requests.Session() as session:
            print(f"{kind}, thrown away")
            load(session, url, kind, rows, 0)
        with (
            tempfile.TemporaryDirectory() as folder,
            portal_process(Path(folder)) as (url, pid),
            requests.Session() as session,
        ):
            session.auth = LOGIN
            columns = [{"fieldName": n, "name": n, "dataTypeName": t} for n, t in COLUMNS.items()]
            body = {
                "name": "Bench",
                "columns": columns,
                "metadata": {"rowIdentifier": "call_number"},
            }
            dataset = session.post(f"{url}/api/views.json", json=body).json()["id"]
            resource = f"{url}/resource/{dataset}.json"
            for title in ("inserts", "updates"):
                print(f"{kind}, {title}")
                load(session, resource, kind, rows, pid)
            time_reads(session, resource)


if __name__ == "__main__":
    main()

"""Makes the home that a city has after some days with the version of Summerware that is installed.

python tests/homes/make_home.py ARCHIVE.tar.xz, with the interpreter of that version. What is in the
archive stands in README.md beside it. Everything is done by that version's own commands, on its own
sample extracts of fixed days; nothing but paths of the machine is changed afterwards.
"""

import csv
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

CALLS, REQUESTS, STOPS, FORCE = "calls_for_service", "service_requests", "stops", "use_of_force"
DAYS = ("2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05")
"""Around New Year, so that calls go to two portal datasets; the last day is for who opens the home."""
ROWS = 300
HOST = "city-server"
ELSEWHERE = "/srv/summerware"
"""What stands for this machine's folders in the texts of the home."""
_DIES = "dies-halfway"
_KILLED = 9


def make(archive: Path) -> None:
    """Lives through the days, and packs what is there then."""
    with tempfile.TemporaryDirectory(prefix="city-") as folder:
        city = City(Path(folder) / "city")
        city.found()
        story = live(city)
        (city.root / "story.json").write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")
        tidy(city)
        pack(city.root, archive)


class City:
    """The folders of a city: its home, its dataset files and suites, its extracts by day."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.environment = {
            **{name: value for name, value in os.environ.items() if "SUMMERWARE" not in name},
            "SUMMERWARE_HOME": str(self.home),
            "SUMMERWARE_DATASETS": str(root / "datasets"),
            "SUMMERWARE_EXPECTATIONS": str(root / "expectations"),
            "SUMMERWARE_SETTLING_SECONDS": "0",
            "SUMMERWARE_DAEMON": "no",
        }

    def found(self) -> None:
        """Copies the version's own dataset files and suites, and makes its sample extracts."""
        from orchestration.settings import PACKAGE, PROJECT

        shutil.copytree(PACKAGE / "datasets", self.root / "datasets")
        shutil.copytree(PROJECT / "expectations", self.root / "expectations")
        stops = self.root / "datasets" / f"{STOPS}.yaml"
        text = stops.read_text(encoding="utf-8")
        assert text.count("release: automatic") == 1
        stops.write_text(text.replace("release: automatic", "release: one"), encoding="utf-8")
        made = self.root / "made"
        from orchestration.sources.sample import generate

        generate(made, rows=ROWS, seed=7, as_of=date.fromisoformat(DAYS[-1]), days=len(DAYS))
        for path in made.glob("*/*.csv.gz"):
            day = path.name.split(".")[0][-10:]
            target = self.root / "extracts" / day / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        shutil.rmtree(made)

    def summerware(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """One command of the version, as a person would give it; what it printed."""
        program = str(Path(sys.executable).parent / "summerware")
        return self._process([program, *words], codes)

    def run(self, day: str, *datasets: str, codes: tuple[int, ...] = (0,)) -> None:
        """The daily job on the extracts of a day."""
        self.summerware(
            "run", "--source", "files", "--extracts", str(self.root / "extracts" / day), *datasets,
            codes=codes,
        )  # fmt: skip

    def run_and_die(self, day: str, dataset: str) -> None:
        """The daily job, killed when the portal has taken the second chunk and we do not know yet."""
        own = [sys.executable, str(Path(__file__).absolute()), _DIES]
        self._process([*own, str(self.root / "extracts" / day), dataset], (_KILLED,))

    def publications(self, dataset: str) -> list[dict[str, Any]]:
        """What the command lists."""
        listed: list[dict[str, Any]] = json.loads(
            self.summerware("publications", dataset, "--json")
        )
        return listed

    def newest(self, dataset: str, state: str) -> str:
        """The id of the newest publication, which must be in that state."""
        newest = self.publications(dataset)[-1]
        assert newest["state"] == state, newest
        return str(newest["id"])

    def edit(self, day: str, dataset: str, change: Callable[[list[dict[str, str]]], Any]) -> None:
        """Rewrites an extract; `change` gives the rows that it shall have."""
        (path,) = (self.root / "extracts" / day / dataset).iterdir()
        with gzip.open(path, "rt", encoding="utf-8", newline="") as source:
            reader = csv.DictReader(source)
            rows = list(reader)
        kept = change(rows)
        # Without a file name and time in it, the same rows are the same bytes.
        with path.open("wb") as target, gzip.GzipFile("", "wb", fileobj=target, mtime=0) as packed:
            lines = _Lines(packed)
            writer = csv.DictWriter(lines, reader.fieldnames or [])
            writer.writeheader()
            writer.writerows(kept)

    def _process(self, command: list[str], codes: tuple[int, ...]) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in codes, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout


class _Lines:
    """Lets the csv module write text into a file of bytes."""

    def __init__(self, target: gzip.GzipFile) -> None:
        self._target = target

    def write(self, text: str) -> None:
        self._target.write(text.encode())


def live(city: City) -> dict[str, Any]:
    """Three days; returns the ids by which a test finds what it looks for."""
    city.run(DAYS[0])
    city.summerware("release", STOPS, city.newest(STOPS, "held"), "--by", "first.signer")
    _decide(city, STOPS)

    city.run(DAYS[1])
    held = city.newest(STOPS, "held")
    first, second = (one["id"] for one in city.publications(FORCE))
    city.summerware(
        "rollback", FORCE, "--to", first, "--reason", "the day's figures are in doubt",
        "--by", "first.signer",
    )  # fmt: skip
    taken_down = _published_keys(city, REQUESTS)[10]
    city.summerware(
        "takedown", REQUESTS, taken_down, "--authority", "Order 26-1 of the court",
        "--by", "first.signer", "--yes",
    )  # fmt: skip

    spoilt = _spoil(city)
    city.edit(DAYS[2], CALLS, _changed_calls)
    city.run_and_die(DAYS[2], CALLS)
    return {
        "days": DAYS,
        "held": {"dataset": STOPS, "publication": held},
        "half_sent": {"dataset": CALLS, "publication": city.newest(CALLS, "released")},
        "rolled_back": {"dataset": FORCE, "to": first, "from": second},
        "taken_down": {"dataset": REQUESTS, "key": taken_down},
        "discarded": {"dataset": REQUESTS, "extract": spoilt},
        "decided": {"dataset": STOPS},
    }


def _decide(city: City, dataset: str) -> None:
    """Two reviewers agree on the first proposal of their sheets."""
    folder = city.root / "sheets"
    sheets = json.loads(
        city.summerware("review", "export", dataset, "--out", str(folder), "--json")
    )["sheets"]
    for sheet in sheets[:2]:
        (path,) = (Path(one) for one in sheet["files"] if one.endswith(".csv"))
        with path.open(encoding="utf-8-sig", newline="") as source:
            rows = list(csv.DictReader(source))
        rows[0]["verdict"] = "yes"
        with path.open("w", encoding="utf-8-sig", newline="") as target:
            writer = csv.DictWriter(target, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        city.summerware("review", "import", dataset, str(path), "--reviewer", sheet["person"])
    shutil.rmtree(folder)


def _published_keys(city: City, dataset: str) -> list[str]:
    """The keys of the last publication, sorted."""
    import duckdb

    newest = city.newest(dataset, "verified")
    snapshot = city.home / "publications" / dataset / newest / "snapshot.parquet"
    from orchestration.dataset import load_dataset

    key = load_dataset(city.root / "datasets" / f"{dataset}.yaml").key
    rows = duckdb.sql(f"select {key} from read_parquet('{snapshot}') order by 1").fetchall()
    return [str(row[0]) for row in rows]


def _spoil(city: City) -> str:
    """A day's extract that lost nearly all lines: stopped at the gate, told of, and discarded."""
    day = "spoilt"
    whole = city.root / "extracts" / DAYS[2] / REQUESTS
    shutil.copytree(whole, city.root / "extracts" / day / REQUESTS)
    city.edit(day, REQUESTS, lambda rows: rows[:9])
    city.run(day, REQUESTS, codes=(1,))
    with sqlite3.connect(city.home / "state.db") as database:
        query = "select id from extract where dataset = ? order by landed_at desc"
        (extract,) = database.execute(query, (REQUESTS,)).fetchone()
    city.summerware(
        "discard", REQUESTS, extract, "--reason", "sent before it was whole", "--by", "first.signer"
    )
    shutil.rmtree(city.root / "extracts" / day)
    return str(extract)


def _changed_calls(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Two calls are gone, and some of the old year have another priority: three kinds of chunks."""
    keys = list(
        dict.fromkeys(row["NOPD_Item"] for row in rows if row["TimeCreate"][6:10] == "2025")
    )
    gone, changed = set(keys[-5:-3]), set(keys[-12:-8])
    for row in rows:
        if row["NOPD_Item"] in changed:
            row["Priority"] = "0A" if row["Priority"] != "0A" else "1A"
    return [row for row in rows if row["NOPD_Item"] not in gone]


def die_halfway(extracts: str, dataset: str) -> None:
    """Runs the daily job in this process, and ends it without a word between two notes."""
    from orchestration.cli import app
    from orchestration.state.chunks import ChunkId
    from orchestration.state.store import State

    move_chunk = State.move_chunk

    def move(self: State, publication_id: str, chunk: ChunkId, **values: Any) -> None:
        if chunk.number == 1 and values["state"] == "acknowledged":
            os._exit(_KILLED)
        move_chunk(self, publication_id, chunk, **values)

    State.move_chunk = move  # type: ignore[method-assign]
    app(["run", "--source", "files", "--extracts", extracts, dataset])


def tidy(city: City) -> None:
    """Takes caches and this machine's paths out; what remains is what a backup would have."""
    from orchestration.settings import PROJECT

    for name in ("dbt", "locks", "dagster/storage"):
        shutil.rmtree(city.home / name, ignore_errors=True)
    paths = {
        str(city.root): f"{ELSEWHERE}/city",
        str(PROJECT): f"{ELSEWHERE}/program",
    }
    for path in sorted(city.home.rglob("*")):
        if path.suffix in (".db", ".sqlite3"):
            _tidy_database(path, paths)
        elif path.suffix == ".html":
            path.write_text(_replaced(path.read_text(encoding="utf-8"), paths), encoding="utf-8")
    for path in city.root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found = [old for old in paths if old.encode() in content]
        assert not found, f"{path} names {found}"


def _tidy_database(path: Path, paths: dict[str, str]) -> None:
    with sqlite3.connect(path) as database:
        tables = [
            row[0]
            for row in database.execute("select name from sqlite_master where type = 'table'")
        ]
        for table in tables:
            columns = [row[1] for row in database.execute(f'pragma table_info("{table}")')]
            for column in columns:
                for old, new in paths.items():
                    database.execute(
                        f'update "{table}" set "{column}" = replace("{column}", ?, ?) '
                        f'where typeof("{column}") = \'text\' and instr("{column}", ?)',
                        (old, new, old),
                    )
        if "run_process" in tables:
            database.execute("update run_process set host = ?", (HOST,))
    database.close()
    # In a connection of its own: what is vacuumed into the log is written into the file at its end.
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("vacuum")
    database.execute("pragma wal_checkpoint(truncate)")
    database.execute("pragma journal_mode = delete")
    database.close()


def _replaced(text: str, paths: dict[str, str]) -> str:
    for old, new in paths.items():
        text = text.replace(old, new)
    return text


def pack(root: Path, archive: Path) -> None:
    """One archive without users, times and order of this machine."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for path in sorted(root.rglob("*")):
            packed.add(path, str(path.relative_to(root)), recursive=False, filter=plain)


if __name__ == "__main__":
    if sys.argv[1] == _DIES:
        die_halfway(*sys.argv[2:])
    else:
        make(Path(sys.argv[1]).absolute())

"""What a taken-down row left on this machine: its keys, its lines in the extracts, its own words.

The lines are found by standardizing the keys of all extracts anew, so that an extract that stopped
at its gate, and was never modelled, is looked through too. A row's own words are the texts that no
other row of the dataset has: they tell the row as its key does, wherever they are quoted.
"""

import re
import tempfile
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import duckdb

from orchestration.dataset import Dataset
from orchestration.domains.classes import load_classes
from orchestration.duck import columns_of, connect, lines_of_files, parquet
from orchestration.settings import Settings
from orchestration.sources.landing import ROWS
from orchestration.tombstones.tombstones import Tombstones, hash_in_sql, plain_key

GONE = "[taken down]"
"""What stands where a record quoted a row."""
SHORTEST = 6
"""Shorter words stand in too many places by chance; as a whole cell they still count."""


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What to look for."""

    keys: frozenset[str] = frozenset()
    """Published keys and what extracts wrote for them, plain (see `plain_key`)."""
    lines: Mapping[str, list[int]] = field(default_factory=dict)
    """Line numbers by extract."""
    landed_hashes: Mapping[str, list[str]] = field(default_factory=dict)
    """Keyed hashes of the key's cells in the extracts, by the hash of the published key."""
    cells: frozenset[tuple[str, str]] = frozenset()
    """Every text of the row, plain, with its column."""
    words: frozenset[str] = frozenset()
    """The texts that no other row has, plain."""

    @cached_property
    def _whole(self) -> frozenset[str]:
        return self.keys | self.words

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """Finds keys and own words in a longer text, whatever their case and blanks."""
        texts = sorted(
            (text for text in self.keys | self.words if len(text) >= SHORTEST),
            key=len,
            reverse=True,
        )
        if not texts:
            return None
        found = "|".join(r"\s+".join(map(re.escape, text.split(" "))) for text in texts)
        return re.compile(rf"(?<![0-9A-Za-z])(?:{found})(?![0-9A-Za-z])", re.IGNORECASE)

    def without_words(self) -> "Traces":
        """The keys alone."""
        return replace(self, words=frozenset())

    def erase(self, text: str) -> str:
        """A text without keys and own words of the row."""
        if plain_key(text) in self._whole:
            return GONE
        return self.pattern.sub(GONE, text) if self.pattern is not None else text


def find_traces(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    tombstones: Tombstones,
    *,
    keys: Sequence[str] = (),
    extracts_lost: bool = False,
) -> Traces:
    """The traces of the rows that these tombstones take down; `keys` are known to the caller.

    Where landed extracts were pruned, the publications are asked for keys as well.

    Raises:
        ModelFault: dbt could not standardize the keys of the extracts.
    """
    given = frozenset(map(plain_key, keys))
    if not tombstones.rows:
        return Traces(keys=given)
    files = _extracts_with_key(settings, dataset)
    # Outside the home, and gone afterwards: it holds what is to be erased.
    with tempfile.TemporaryDirectory(prefix="summerware-purge-") as name:
        folder = Path(name)
        if not files:
            return Traces(keys=given | _keys_of_publications(settings, dataset, tombstones, folder))
        if extracts_lost:
            given |= _keys_of_publications(settings, dataset, tombstones, folder)
        database, table = _standardized_keys(settings, datasets, dataset, files, folder)
        with connect(database, spill=folder) as connection:
            return _Finder(settings, dataset, tombstones, connection, table, files).find(given)


def _extracts_with_key(settings: Settings, dataset: Dataset) -> list[Path]:
    """The landed extracts that have every column of a line's key."""
    return [
        path
        for path in landed_files(settings, dataset).values()
        if columns_of(parquet(path)).keys() >= set(dataset.landed_key)
    ]


def landed_files(settings: Settings, dataset: Dataset) -> dict[str, Path]:
    """Every landed extract by its id: under `extracts/`, else where a raw layer still links to it."""
    landed = (settings.extracts / dataset.id).glob(f"*/{ROWS}")
    found = {path.parent.name: path for path in sorted(landed)}
    for path in sorted((settings.layers / dataset.id / "raw").glob("*/*.parquet")):
        if path.stem not in found and is_landed(columns_of(parquet(path))):
            found[path.stem] = path
    return found


def is_landed(columns: Container[str]) -> bool:
    """Whether a table has lines by their place, as an extract has."""
    return "_extract_id" in columns and "_parse_error" in columns and "_line" not in columns


def _standardized_keys(
    settings: Settings,
    datasets: Mapping[str, Dataset],
    dataset: Dataset,
    files: Sequence[Path],
    folder: Path,
) -> tuple[Path, str]:
    """A step's database whose models say the key of every line, and the table to ask."""
    # Imported here: dbt takes seconds, and only erasing needs it.
    from orchestration.steps.functions import define_known, define_no_suspicion
    from orchestration.warehouse.runner import BASE, STANDARDIZED, build_models, open_warehouse

    landed = {column.name for column in dataset.landed}
    held = columns_of(parquet(files)).keys()
    lacking = "".join(f", null::varchar as {name}" for name in sorted(landed - held))
    raw = f"(select *{lacking} from {lines_of_files(files)})"
    database = open_warehouse(folder, dataset, {f"raw.{dataset.id}": raw})
    with connect(database) as connection:
        classes = load_classes(settings, dataset)
        define_known(connection, settings, dataset, classes, lines=f"raw.{dataset.id}")
        define_no_suspicion(connection, dataset)
    derived = bool(dataset.key_from)
    models = (*BASE, STANDARDIZED[0]) if derived else BASE
    build_models(settings, datasets, models, dataset=dataset.id, database=database)
    return database, f"{'stg' if derived else 'base'}_{dataset.id}"


def _keys_of_publications(
    settings: Settings, dataset: Dataset, tombstones: Tombstones, spill: Path
) -> frozenset[str]:
    """Where an extract is not left: the keys that the publications still hold, or once moved."""
    folder = settings.publications / dataset.id
    tables = [
        f"select {name}::varchar as row_key from {parquet(files)}"
        for name, file in ((dataset.key, "snapshot"), ("row_key", "changes"))
        if (files := sorted(folder.glob(f"*/{file}.parquet")))
    ]
    if not tables:
        return frozenset()
    with connect(spill=spill) as connection:
        tombstones.declare(connection)
        found = connection.execute(
            f"select row_key from (select distinct row_key from ({' union all '.join(tables)})) "
            f"where {tombstones.is_row('row_key')}"
        ).fetchall()
    return frozenset(plain_key(key) for (key,) in found)


class _Finder:
    """Asks the standardized keys and the landed lines on one connection."""

    def __init__(
        self,
        settings: Settings,
        dataset: Dataset,
        tombstones: Tombstones,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        files: Sequence[Path],
    ) -> None:
        self._settings = settings
        self._dataset = dataset
        self._tombstones = tombstones
        self._connection = connection
        self._table = table
        self._files = files
        self._texts = [
            column.name
            for column in dataset.landed
            if column.type in ("text", "point") and not column.is_hashed
        ]

    def find(self, given: frozenset[str]) -> Traces:
        """Everything there is to know."""
        key, table = self._dataset.key, self._table
        self._tombstones.declare(self._connection)
        self._connection.execute(
            f"create temp table gone as select _extract_id, _line, {key}::varchar as row_key "
            f"from {table} where {self._tombstones.is_row(key)}"
        )
        self._connection.execute(f"create temp view landed as from {lines_of_files(self._files)}")
        lines: dict[str, list[int]] = {}
        for extract_id, line in self._connection.execute(
            "select _extract_id, _line from gone order by all"
        ).fetchall():
            lines.setdefault(extract_id, []).append(line)
        self._collect_cells()
        return Traces(
            keys=given | self._keys(),
            lines=lines,
            landed_hashes=self._landed_hashes(),
            cells=frozenset(
                self._connection.execute("select column_name, value from cells").fetchall()
            ),
            words=self._words(),
        )

    def _keys(self) -> frozenset[str]:
        found = self._connection.execute("select distinct row_key from gone").fetchall()
        keys = {plain_key(key) for (key,) in found}
        if not self._dataset.key_from:
            landed = self._connection.execute(
                f'select distinct "{self._dataset.key}" from landed '
                "semi join gone using (_extract_id, _line)"
            ).fetchall()
            keys |= {plain_key(key) for (key,) in landed if key}
        return frozenset(keys)

    def _landed_hashes(self) -> dict[str, list[str]]:
        cells = [f'landed."{name}"' for name in self._dataset.landed_key]
        hashes: dict[str, list[str]] = {}
        for key, landed in self._connection.execute(
            f"select distinct {hash_in_sql('key', ['row_key'])}, {hash_in_sql('landed', cells)} "
            "from landed join gone using (_extract_id, _line) order by all"
        ).fetchall():
            if landed is not None:
                hashes.setdefault(key, []).append(landed)
        return hashes

    def _collect_cells(self) -> None:
        """`cells`: column and plain text of every cell of the lines, as landed and as standardized."""
        self._connection.execute("create temp table cells (column_name varchar, value varchar)")
        held = {row[0] for row in self._connection.execute("describe landed").fetchall()}
        for table, there in (("landed", held), (self._table, set(self._texts))):
            for name in self._texts:
                if name in there:
                    self._connection.execute(
                        f"insert into cells select distinct '{name}', {_plain(name)} from {table} "
                        f'semi join gone using (_extract_id, _line) where "{name}" is not null'
                    )

    def _words(self) -> frozenset[str]:
        """The texts of the row that stand in no other line, landed or standardized."""
        self._connection.execute(
            f"create temp table words as select distinct column_name, value from cells "
            f"where length(value) >= {SHORTEST}"
        )
        staged = sorted(
            (self._settings.layers / self._dataset.id / "standardized").glob(
                f"*/stg_{self._dataset.id}.parquet"
            )
        )
        for table in ("landed", *(parquet(path) for path in staged)):
            held = {row[0] for row in self._connection.execute(f"describe from {table}").fetchall()}
            for name in self._texts:
                if name in held:
                    self._connection.execute(
                        f"delete from words where column_name = '{name}' and value in "
                        f"(select {_plain(name)} from {table} as rest "
                        "anti join gone using (_extract_id, _line))"
                    )
        found = self._connection.execute("select distinct value from words").fetchall()
        return frozenset(word for (word,) in found)


def _plain(column: str) -> str:
    r"""SQL of `plain_key`."""
    return rf"""upper(regexp_replace(trim("{column}"), '\s+', ' ', 'g'))"""

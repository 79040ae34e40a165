"""The sample extracts: the same for the same arguments, true to their specification, and invented.

The truth is checked against the files with nothing but the csv module.
"""

import csv
import gzip
import json
import re
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest

from orchestration.sources.sample import available, generate

AS_OF = date(2026, 11, 20)
BEFORE = date(2026, 11, 19)
REAL = Path(__file__).resolve().parents[4] / "shared" / "data"
DATASETS = ("calls_for_service", "service_requests", "stops", "use_of_force")
KEYS = {
    "calls_for_service": "NOPD_Item",
    "service_requests": "ticket_id",
    "stops": "subjectid",
    "use_of_force": "PIB File Number",
}


class Sample:
    """Two successive extracts of every dataset, at 20,000 rows."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, dataset: str, day: date = AS_OF) -> Path:
        return self.root / dataset / f"{dataset}_{day}.csv.gz"

    def rows(self, dataset: str, day: date = AS_OF) -> list[dict[str, str]]:
        with gzip.open(self.path(dataset, day), "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def truth(self, dataset: str, what: str, day: date = AS_OF) -> list[dict[str, str]]:
        path = self.root / "truth" / f"{dataset}_{day}_{what}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def units(self, dataset: str) -> list[dict[str, str]]:
        """One row per key."""
        return list({row[KEYS[dataset]]: row for row in self.rows(dataset, BEFORE)}.values())


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    root = tmp_path_factory.mktemp("sample")
    generate(root, rows=20_000, seed=11, as_of=AS_OF, days=2)
    return Sample(root)


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_every_dataset_has_a_specification() -> None:
    """The ids are those of the files in the package."""
    assert tuple(available()) == DATASETS


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """Extracts and truth are byte-identical, and another seed gives others."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        generate(tmp_path / name, rows=2_000, seed=seed, as_of=AS_OF, days=2)
    first, second, other = (contents(tmp_path / name) for name in "abc")
    assert first == second
    assert first.keys() == other.keys()
    assert first != other


def test_the_first_of_two_extracts_is_the_one_of_its_own_date(tmp_path: Path) -> None:
    """Asking for one day more does not change what the day before looked like."""
    generate(tmp_path / "two", rows=2_000, seed=3, as_of=AS_OF, days=2)
    generate(tmp_path / "one", rows=2_000, seed=3, as_of=BEFORE)
    two = contents(tmp_path / "two")
    for name, content in contents(tmp_path / "one").items():
        assert two[name] == content, name


def test_uncompressed_extracts_say_the_same(tmp_path: Path) -> None:
    """`compress=False` writes the same lines as plain text."""
    for compress in (True, False):
        (path,) = generate(
            tmp_path,
            rows=500,
            seed=3,
            as_of=AS_OF,
            datasets=["calls_for_service"],
            compress=compress,
        )
    packed = path.with_name(path.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == path.read_bytes()


def test_nothing_but_extracts_lies_in_a_dataset_folder(sample: Sample) -> None:
    """A folder of extracts holds two files; the truth is elsewhere."""
    for dataset in DATASETS:
        found = {path.name for path in (sample.root / dataset).iterdir()}
        assert found == {sample.path(dataset, day).name for day in (BEFORE, AS_OF)}


def test_the_biggest_dataset_has_just_the_rows_asked_for(sample: Sample) -> None:
    """`rows` counts raw lines of the first extract, repeated ones included."""
    assert len(sample.rows("calls_for_service", BEFORE)) == 20_000


@pytest.mark.parametrize("rows", [1, 7, 300])
def test_few_rows_are_possible(tmp_path: Path, rows: int) -> None:
    """A handful of rows, or one, still gives two extracts of everything."""
    assert len(generate(tmp_path, rows=rows, seed=5, as_of=AS_OF, days=2)) == 8


def test_an_unknown_dataset_is_named(tmp_path: Path) -> None:
    """The message says which id is unknown and which there are."""
    with pytest.raises(ValueError, match=r"no sample specification for \['parking'\]"):
        generate(tmp_path, rows=10, seed=1, as_of=AS_OF, datasets=["parking"])


@pytest.mark.parametrize("day", [BEFORE, AS_OF], ids=["first", "second"])
@pytest.mark.parametrize("dataset", DATASETS)
class TestTruth:
    """What the truth says is what the file shows."""

    def test_repeats_are_all_equal_lines_and_no_others(
        self, sample: Sample, dataset: str, day: date
    ) -> None:
        """Each listed line equals the first such line, and no equal line is missing."""
        first: dict[tuple[str, ...], int] = {}
        expected = {}
        for line, row in enumerate(sample.rows(dataset, day), start=1):
            original = first.setdefault(tuple(row.values()), line)
            if original != line:
                expected[line] = original
        listed = {
            int(row["line"]): int(row["repeats_line"])
            for row in sample.truth(dataset, "repeats", day)
        }
        assert listed == expected

    def test_damage_stands_in_the_cell(self, sample: Sample, dataset: str, day: date) -> None:
        """`to` is the cell's text, `from` is another; no cell is listed twice."""
        rows = sample.rows(dataset, day)
        damage = sample.truth(dataset, "damage", day)
        for fault in damage:
            assert rows[int(fault["line"]) - 1][fault["column"]] == fault["to"]
            assert fault["from"] != fault["to"]
        assert len({(fault["line"], fault["column"]) for fault in damage}) == len(damage)

    def test_summary_counts_what_is_listed(self, sample: Sample, dataset: str, day: date) -> None:
        """Lines, keys, repeats by kind and damage by column and kind add up."""
        summary = json.loads((sample.root / "truth" / f"{dataset}_{day}.json").read_text())
        rows, damage = sample.rows(dataset, day), sample.truth(dataset, "damage", day)
        assert summary["lines"] == len(rows)
        assert summary["repeats"] == Counter(
            row["kind"] for row in sample.truth(dataset, "repeats", day)
        )
        counted = Counter((fault["column"], fault["kind"]) for fault in damage)
        assert counted == {
            (column, kind): number
            for column, kinds in summary["damage"].items()
            for kind, number in kinds.items()
        }


@pytest.mark.parametrize("dataset", DATASETS)
def test_second_extract_has_all_keys_of_the_first_and_more(sample: Sample, dataset: str) -> None:
    """Nothing disappears between two days, and something new happened."""
    key = KEYS[dataset]
    old, new = ({row[key] for row in sample.rows(dataset, day)} for day in (BEFORE, AS_OF))
    assert old < new


@pytest.mark.parametrize("dataset", DATASETS)
def test_changes_lists_every_cell_that_reads_differently(sample: Sample, dataset: str) -> None:
    """Lines that both extracts have differ just where the truth says, and some do."""
    listed = {(int(row["line"]), row["column"]): row for row in sample.truth(dataset, "changes")}
    found = {}
    pairs = zip(sample.rows(dataset, BEFORE), sample.rows(dataset), strict=False)
    for line, (old, new) in enumerate(pairs, start=1):
        for column in old:
            if old[column] != new[column]:
                found[line, column] = (old[column], new[column])
    assert found == {at: (row["from"], row["to"]) for at, row in listed.items()}
    assert found


def test_the_volatile_column_moves_by_itself(sample: Sample) -> None:
    """Years of service is recomputed on many lines, always upwards, and marked as volatile."""
    moved = [row for row in sample.truth("use_of_force", "changes") if row["kind"] == "volatile"]
    assert {row["column"] for row in moved} == {"Officer Years of Service"}
    assert len(moved) > 0.1 * len(sample.rows("use_of_force"))
    assert all(int(row["to"]) == int(row["from"]) + 1 for row in moved)


@pytest.mark.parametrize("dataset", ["calls_for_service", "service_requests", "stops"])
def test_keys_repeat_only_with_their_whole_line(sample: Sample, dataset: str) -> None:
    """Apart from planted repeats, every key is there once."""
    rows = sample.rows(dataset)
    repeats = sample.truth(dataset, "repeats")
    assert len(rows) - len(repeats) == len({row[KEYS[dataset]] for row in rows})


def test_damaged_file_numbers_collide_with_no_other(tmp_path: Path) -> None:
    """Among hundreds, one key with a space and two in small letters; none has a plain twin."""
    generate(tmp_path, rows=200_000, seed=2, as_of=AS_OF, datasets=["use_of_force"])
    keys = {row["PIB File Number"] for row in Sample(tmp_path).rows("use_of_force")}
    plain = {key.strip().upper() for key in keys}
    assert len(plain) == len(keys)
    assert sum(key != key.strip() for key in keys) == 1
    assert sum(key != key.upper() for key in keys) == 2
    assert all(re.fullmatch(r"FTN\d{4}-\d{4}", key) for key in plain)


def test_item_numbers_agree_with_the_time_of_the_call(sample: Sample) -> None:
    """Month letter, five digits and year; numbers of a month rise with time."""
    last: dict[str, tuple[datetime, int]] = {}
    for row in sample.units("calls_for_service"):
        letter, number, year = re.fullmatch(r"([A-L])(\d{5})(\d\d)", row["NOPD_Item"]).groups()  # type: ignore[union-attr]
        created = datetime.strptime(row["TimeCreate"], "%m/%d/%Y %H:%M")
        assert "ABCDEFGHIJKL"[created.month - 1] == letter
        assert created.year % 100 == int(year)
        before = last.get(letter + year, (created, 0))
        assert before <= (created, int(number))
        last[letter + year] = (created, int(number))
    assert {letter[0] for letter in last} == set("ABCDEFGHIJKL")


def test_times_of_a_call_are_in_order_and_before_the_extract(sample: Sample) -> None:
    """Creation first, closing last; the newest call is of the day before the extract."""
    made = datetime(2026, 11, 19, 6)
    newest = datetime.min
    for row in sample.units("calls_for_service"):
        times = {
            name: datetime.strptime(row[name], "%m/%d/%Y %H:%M")
            for name in ("TimeCreate", "TimeDispatch", "TimeArrive", "TimeClosed")
            if row[name]
        }
        assert min(times.values()) == times["TimeCreate"]
        assert max(times.values()) == times["TimeClosed"] <= made
        newest = max(newest, times["TimeCreate"])
    assert newest.date() == date(2026, 11, 18)


def test_points_are_in_new_orleans(sample: Sample) -> None:
    """Degrees and feet lie in the city's box, but for the ones that are withheld."""
    for row in sample.units("calls_for_service"):
        lon, lat = map(float, row["Location"].removeprefix("POINT (").rstrip(")").split())
        if lon:
            assert -90.14 < lon < -89.63
            assert 29.87 < lat < 30.17
            assert 3.65e6 < int(row["MapX"]) < 3.75e6
            assert 4.9e5 < int(row["MapY"]) < 5.8e5
        else:
            assert (row["MapX"], row["MapY"]) == ("37369000", "3513814")


HEADERS = {
    "use_of_force": "nopd_use_of_force/nopd_uof_extract_2019-09.csv.gz",
    "stops": "nopd_stop_and_search/nopd_stop_and_search_first10rows.csv",
    "calls_for_service": "nopd_calls_for_service/nopd_cfs_2022_subset_jan-aug.csv.gz",
}


def read_real(name: str) -> list[dict[str, str]]:
    path = REAL / HEADERS[name]
    if not path.exists():
        pytest.skip("the real extracts are not here")
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.DictReader(text.splitlines(keepends=True)))


@pytest.mark.parametrize("dataset", ["stops", "use_of_force"])
def test_header_is_the_real_one(sample: Sample, dataset: str) -> None:
    """Same columns in the same order."""
    assert list(sample.rows(dataset)[0]) == list(read_real(dataset)[0])


def test_header_of_calls_is_the_real_one(sample: Sample) -> None:
    """The real file has a request log's three columns in front, the item number among them."""
    real = list(read_real("calls_for_service")[0])
    assert list(sample.rows("calls_for_service")[0]) == ["NOPD_Item", *real[3:], "Location"][:21]


def test_header_of_requests_has_every_real_key(sample: Sample) -> None:
    """The JSON records have no order of their own."""
    path = REAL / "nola_311" / "nola_311_calls_soda_json_100rows_2016-11.json"
    if not path.exists():
        pytest.skip("the real extracts are not here")
    records = json.loads(path.read_text(encoding="utf-8"))
    real = {key for record in records for key in record}
    assert set(sample.rows("service_requests")[0]) == real


@pytest.mark.parametrize(
    ("dataset", "real_key"),
    [
        ("calls_for_service", "item_number"),
        ("stops", "subjectid"),
        ("stops", "fieldinterviewid"),
        ("use_of_force", "PIB File Number"),
    ],
)
def test_no_real_key_is_made_up(tmp_path: Path, dataset: str, real_key: str) -> None:
    """Even where dates overlap with the real extracts, no number is one of theirs."""
    own_key = "NOPD_Item" if real_key == "item_number" else real_key
    real = {row[real_key].strip().upper() for row in read_real(dataset)}
    as_of = date(2019, 9, 1) if dataset == "use_of_force" else date(2022, 8, 31)
    generate(tmp_path, rows=20_000, seed=1, as_of=as_of, datasets=[dataset])
    with gzip.open(tmp_path / dataset / f"{dataset}_{as_of}.csv.gz", "rt") as file:
        made = {row[own_key].strip().upper() for row in csv.DictReader(file)}
    assert not made & real


def test_a_later_day_of_a_world_is_written_alone(tmp_path: Path) -> None:
    """With `since`, the day's files are those of the whole series, and no other day's are made."""
    first, last = date(2026, 3, 1), date(2026, 3, 4)
    generate(tmp_path / "all", rows=400, seed=7, as_of=last, days=4)
    alone = generate(tmp_path / "one", rows=400, seed=7, as_of=last, since=first)
    assert len(alone) == len(available())
    for path in alone:
        assert (
            path.read_bytes()
            == (tmp_path / "all" / path.relative_to(tmp_path / "one")).read_bytes()
        )

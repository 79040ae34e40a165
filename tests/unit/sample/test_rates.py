"""The share of each fault in a sample of 20,000 calls is the measured one, within chance.

Tolerances are four standard deviations of a share among that many rows.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from math import sqrt

import pytest

from orchestration.sources.sample import generate

AS_OF = date(2026, 11, 20)
Row = dict[str, str]
Rows = dict[str, list[Row]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    root = tmp_path_factory.mktemp("rates")
    # Use of force is a hundredth of the calls: more, to have something to count.
    generate(root, rows=20_000, seed=23, as_of=AS_OF)
    generate(root, rows=300_000, seed=23, as_of=AS_OF, datasets=["use_of_force"])
    read = {}
    for path in root.glob("*/*.csv.gz"):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            read[path.parent.name] = list(csv.DictReader(file))
    return read


def is_late(row: Row) -> bool:
    if not (row["TimeDispatch"] and row["TimeArrive"]):
        return False
    times = (
        datetime.strptime(row[name], "%m/%d/%Y %H:%M") for name in ("TimeArrive", "TimeDispatch")
    )
    return next(times) < next(times)


SHARES: dict[str, tuple[str, float, Callable[[Row], bool]]] = {
    "beat_as_number": ("calls_for_service", 0.082, lambda r: "+" in r["Beat"]),
    "point_withheld": ("calls_for_service", 0.030, lambda r: r["Location"] == "POINT (0 0)"),
    "no_district": ("calls_for_service", 0.007, lambda r: r["PoliceDistrict"] == "0"),
    "zip_none": ("calls_for_service", 0.009, lambda r: r["Zip"] == "None"),
    "beat_none": ("calls_for_service", 0.0008, lambda r: r["Beat"] == "None"),
    "no_dispatch": ("calls_for_service", 0.267, lambda r: not r["TimeDispatch"]),
    "no_arrival": ("calls_for_service", 0.096, lambda r: not r["TimeArrive"]),
    "arrival_before_dispatch": ("calls_for_service", 0.007, is_late),
    "self_initiated": ("calls_for_service", 0.118, lambda r: r["SelfInitiated"] == "Y"),
    "crossing": ("calls_for_service", 0.558, lambda r: "&" in r["BLOCK_ADDRESS"]),
    "type_differs": ("calls_for_service", 0.387, lambda r: r["Type"] != r["InitialType"]),
    "report_to_follow": ("calls_for_service", 0.682, lambda r: r["Disposition"] == "RTF"),
    "missing_juvenile": (
        "calls_for_service",
        0.0006,
        lambda r: r["TypeText"] == "MISSING JUVENILE",
    ),
    "details_withheld": (
        "service_requests",
        0.09,
        lambda r: r["issue_description"] == "[Call 311 for details]" and r["latitude"] > "5",
    ),
    "open": ("service_requests", 0.32, lambda r: r["ticket_status"] == "Open"),
    "capitals": ("service_requests", 0.39, lambda r: r["street_address"].isupper()),
    "no_place": ("stops", 0.4, lambda r: r["longitude"] == "0.0"),
    "double_space": ("stops", 0.3, lambda r: "  " in r["officerassignment"]),
    "no_item": ("stops", 0.9, lambda r: not r["nopd_item"]),
    "misspelt": (
        "use_of_force",
        0.11,
        lambda r: r["Subject Influencing Factors"].startswith("Alchohol"),
    ),
    "truncated": (
        "use_of_force",
        0.0226,
        lambda r: r["Officer Race/Ethnicity"].startswith("Asian/Pacif"),
    ),
}


@pytest.mark.parametrize("name", SHARES)
def test_share_is_the_measured_one(rows: Rows, name: str) -> None:
    """Counted on the lines of the file."""
    dataset, expected, is_one = SHARES[name]
    share = sum(map(is_one, rows[dataset])) / len(rows[dataset])
    # Lines of one stop or incident share their values, and repeated lines theirs.
    independent = len(rows[dataset]) / (3 if dataset in ("stops", "use_of_force") else 1.2)
    # The measured share is itself from a few thousand rows, or from a hundred.
    assert share == pytest.approx(expected, abs=4.5 * sqrt(expected / independent), rel=0.1)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [("calls_for_service", 0.13), ("service_requests", 0.015), ("stops", 0.01)],
)
def test_share_of_repeated_lines(rows: Rows, dataset: str, expected: float) -> None:
    """Of all lines, so many stand in the file a second time or more."""
    lines = [tuple(row.values()) for row in rows[dataset]]
    assert 1 - len(set(lines)) / len(lines) == pytest.approx(expected, rel=0.15)


def test_lines_per_use_of_force_file(rows: Rows) -> None:
    """45 % of the files have one line, 26 % two; the mean is 2.6."""
    counts = Counter(Counter(row["PIB File Number"] for row in rows["use_of_force"]).values())
    files = counts.total()
    assert counts[1] / files == pytest.approx(0.449, abs=0.06)
    assert counts[2] / files == pytest.approx(0.264, abs=0.06)
    assert len(rows["use_of_force"]) / files == pytest.approx(2.61, abs=0.3)


def test_equal_lines_of_use_of_force_are_of_the_same_file(rows: Rows) -> None:
    """About one line in twenty equals another: officers who look alike, not duplicates."""
    lines = [tuple(row.values()) for row in rows["use_of_force"]]
    assert 1 - len(set(lines)) / len(lines) == pytest.approx(0.06, abs=0.02)


def test_cells_are_shifted_by_an_unquoted_comma(rows: Rows) -> None:
    """One file, right number of cells, each value one column late."""
    shifted = [
        row
        for row in rows["use_of_force"]
        if row["Use of Force Reason"] == " ILLEGAL CARRYING OF A WEAPON"
    ]
    assert len({row["PIB File Number"] for row in shifted}) == 1
    for row in shifted:
        assert row["Subject Arrest Charges"] == "FLIGHT"
        assert row["Officer Injured"] == "refuse verbal commands"


def test_addresses_are_restyled_in_the_last_fifth(rows: Rows) -> None:
    """Before it "Ave" and "Saint", in it "Av" and "St", but for a few."""
    old, new = [], []
    for row in rows["calls_for_service"]:
        created = datetime.strptime(row["TimeCreate"], "%m/%d/%Y %H:%M").date()
        if created < date(2026, 8, 15):
            old.append(row["BLOCK_ADDRESS"])
        elif created > date(2026, 9, 15):
            new.append(row["BLOCK_ADDRESS"])
    assert not any(re.search(r"\bAv\b|\bSt [A-Z]", address) for address in old)
    assert sum("Ave" in address for address in old) > 1_000
    assert sum(bool(re.search(r"\bAve\b|\bSaint\b", address)) for address in new) < 30


def test_test_calls_are_planted(rows: Rows) -> None:
    """Two CAD TEST calls, however many lines they have."""
    tests = {r["NOPD_Item"] for r in rows["calls_for_service"] if r["TypeText"] == "CAD TEST"}
    assert len(tests) == 2


def test_exact_house_numbers_are_rare(rows: Rows) -> None:
    """About one call in 5,000 names a house."""
    exact = [r for r in rows["calls_for_service"] if r["BLOCK_ADDRESS"].startswith("Approx Loc:")]
    assert len(exact) < 20


def test_a_stop_has_one_place_and_several_subjects(rows: Rows) -> None:
    """The lines of a stop agree in everything that is the stop's."""
    seen: dict[str, tuple[str, ...]] = {}
    for row in rows["stops"]:
        own = tuple(row[name] for name in ("eventdate", "district", "vehiclemake", "blockaddress"))
        assert seen.setdefault(row["fieldinterviewid"], own) == own
    assert len(seen) < len(rows["stops"])


def test_free_text_holds_what_must_not_be_published(rows: Rows) -> None:
    """Plates and telephones, all invented: 555-01xx numbers belong to nobody."""
    texts = [row["issue_description"] for row in rows["service_requests"]]
    assert any(re.search(r"plate: \d{3} [A-Z]{3}", text) for text in texts)
    phones = {phone for text in texts for phone in re.findall(r"\d{3}-\d{3}-\d{4}", text)}
    assert phones
    assert all(phone.startswith("504-555-01") for phone in phones)

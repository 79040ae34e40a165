"""Calls for service, January to August 2022: the real extract, from file to portal."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.dataset import load_dataset
from orchestration.settings import PACKAGE
from tests.acceptance.city import City

CALLS = "calls_for_service"


@pytest.fixture(scope="module")
def city(new_city: Callable[[], City], shared_extracts: Path) -> City:
    """A city that has published the real calls of 2022."""
    made = new_city()
    file = shared_extracts / "nopd_calls_for_service" / "nopd_cfs_2022_subset_jan-aug.csv.gz"
    summary = made.run(CALLS, extracts_dir=made.drop("2022-08", CALLS, file))
    assert summary.exit_code == 0
    return made


def _corrected(city: City, column: str, rule: str) -> int:
    """How many calls have that column changed by that rule."""
    staged = city.layer(CALLS, "standardized").path
    query = f"""
        select count(distinct item_number) from (
            select item_number from '{city.home}/{staged}/stg_{CALLS}.parquet'
            join '{city.home}/{staged}/corrections_{CALLS}.parquet' using (_extract_id, _line)
            where column_name = '{column}' and rule_id = '{rule}')"""
    (count,) = duckdb.sql(query).fetchall()[0]
    return int(count)


def test_every_line_has_its_fate(city: City) -> None:
    """5,489 lines: 711 merged, 12 withheld, the rest published."""
    found = city.ledger(CALLS)
    assert found["raw"] == 5_489
    assert found["fates"] == {
        "published": 4_766,
        "merged": 711,
        "superseded": 0,
        "quarantined": 0,
        "withheld": 12,
    }


def test_the_parse_of_every_column_is_explained_once(city: City) -> None:
    """Law 4: of each column of the source, and of nothing else, how its cells were read."""
    dataset = load_dataset(PACKAGE / "datasets" / f"{CALLS}.yaml")
    parsing = city.ledger(CALLS)["parsing"]
    assert list(parsing) == [column.name for column in dataset.columns if column.source]
    assert parsing["created_at"].startswith("timestamp written as %m/%d/%Y %H:%M or ")
    assert parsing["map_x_feet"] == "number, in any notation"
    assert parsing["block_address"] == "text, without blanks at its ends"


def test_lines_are_4778_calls(city: City) -> None:
    """The lines that are not repeats are 4,778 calls."""
    ((calls,),) = city.rows(
        CALLS, "deduplicated", f"ledger_{CALLS}", "select count(distinct row_key)"
    )
    assert calls == 4_778


def test_juvenile_calls_are_withheld_by_policy(city: City) -> None:
    """Calls that are MISSING JUVENILE, or were at first, are kept back: three and two."""
    reasons = {(r["fate"], r["reason"]): r["lines"] for r in city.ledger(CALLS)["reasons"]}
    assert reasons["withheld", "juvenile_calls_withheld"] == 5
    rows = city.rows(
        CALLS, "deduplicated", CALLS, "select count(*) filter (call_type_text like '%JUVENILE%')"
    )
    assert rows == [(0,)]


def test_no_place_waits_for_a_person(city: City) -> None:
    """Seven calls are at no block, crossing or named place that anybody knows: cut or unknown names."""
    reasons = {(r["fate"], r["reason"]): r["lines"] for r in city.ledger(CALLS)["reasons"]}
    assert reasons["withheld", "unclassified"] == 7


def test_exact_house_number_is_cut_to_its_block(city: City) -> None:
    """The one address with a house number is released at its block; the number is nowhere shown."""
    reasons = {(r["fate"], r["reason"]): r["lines"] for r in city.ledger(CALLS)["reasons"]}
    assert not [reason for fate, reason in reasons if fate == "quarantined"]
    assert _corrected(city, "block_address", "street_address_to_block") == 1
    rows = city.rows(
        CALLS,
        "deduplicated",
        CALLS,
        "select item_number, block_address",
    )
    shown = {key: address for key, address in rows if address}
    assert not [key for key, address in shown.items() if "Approx" in address]
    ((key,),) = duckdb.sql(
        f"select distinct item_number from '{city.home}/{city.layer(CALLS, 'standardized').path}"
        f"/stg_{CALLS}.parquet' join '{city.home}/{city.layer(CALLS, 'standardized').path}"
        f"/corrections_{CALLS}.parquet' using (_extract_id, _line) "
        "where rule_id = 'street_address_to_block'"
    ).fetchall()
    assert shown[key] == "072XX Downman Rd"
    told = [cell for cell in city.why(CALLS, key)["cells"] if cell["column"] == "block_address"]
    assert [cell["rule"] for cell in told] == ["street_address_to_block"]
    assert "7238" not in str(told)


def test_addresses_have_one_form(city: City) -> None:
    """Streets of blocks and crossings are known but for names that were cut short, and exits."""
    found = city.rule(CALLS, "standardized", "block_address_street_known")
    assert found["strength"] == "warning"
    assert 0 < found["keys"] < 0.05 * 4_778


def test_beats_are_repaired(city: City) -> None:
    """392 beats that Excel turned into numbers are codes again; 4 words for null are null."""
    assert _corrected(city, "beat_code", "excel_number_is_code") == 392
    assert _corrected(city, "beat_code", "null_word_is_null") == 4


def test_zips_are_blanked(city: City) -> None:
    """44 calls have the word None for a zip."""
    assert _corrected(city, "zip_code", "null_word_is_null") == 44


def test_locations_stay_blank_with_their_reason(city: City) -> None:
    """139 places are blank: 45 of a type that the policy covers, 94 without a stated reason."""
    assert _corrected(city, "location", "location_redacted_at_source") == 45
    assert _corrected(city, "location", "location_missing_at_source") == 94


def test_no_location_is_filled_in(city: City) -> None:
    """Published calls have a place where their source line had one, but for three that it should not.

    Their type, or their first one, is covered.
    """
    ((blank,),) = city.rows(
        CALLS,
        "deduplicated",
        CALLS,
        "select count(*) filter (location is null and map_x_feet is null)",
    )
    withheld, redacted = 5, 3
    assert blank == 139 - withheld + redacted


@pytest.mark.parametrize(
    ("rule", "calls"),
    [
        ("arrival_not_before_dispatch", 33),
        ("district_given", 33),
    ],
)
def test_warnings_count_calls_and_block_nothing(city: City, rule: str, calls: int) -> None:
    """What is odd but published is reported."""
    found = city.rule(CALLS, "standardized", rule)
    assert (found["strength"], found["keys"]) == ("warning", calls)


def test_equal_calls_with_other_numbers_stay_apart(city: City) -> None:
    """D3147922, D3148022 and D3148322 are equal in everything else and stay three calls."""
    rows = city.rows(
        CALLS,
        "deduplicated",
        CALLS,
        "select count(*) filter (item_number in ('D3147922', 'D3148022', 'D3148322'))",
    )
    assert rows == [(3,)]


def test_types_are_never_reconciled(city: City) -> None:
    """Final and initial type differ as often as the source says."""
    staged = city.layer(CALLS, "standardized")
    ((differ,),) = duckdb.sql(
        f"select count(distinct item_number) from '{city.home}/{staged.path}/stg_{CALLS}.parquet' "
        "where call_type_code <> initial_call_type_code"
    ).fetchall()
    assert differ == 1_848


def test_camera_columns_are_not_kept_in_the_clear(city: City) -> None:
    """The three columns of the camera request log are not listed: only hashes of them stay."""
    assert b"No relevant video was found" not in b"".join(p.read_bytes() for p in city.everything())


def test_portal_shows_the_published_rows(city: City) -> None:
    """The portal holds what the publication says, under the year of the calls."""
    (publication,) = city.publications(CALLS)
    assert (publication["rows"], publication["inserts"]) == (4_766, 4_766)
    assert city.portal_rows("Calls for Service 2022") == 4_766


def test_a_second_run_writes_nothing(city: City) -> None:
    """The same extract again leaves every byte of the portal as it was."""
    before = city.portal_digest()
    assert city.run(CALLS, extracts_dir=city.root / "extracts" / "2022-08").exit_code == 0
    assert city.portal_digest() == before
    assert len(city.publications(CALLS)) == 1


def test_story_of_a_repaired_call(city: City) -> None:
    """`why` tells a call's lines, changed cells and publication."""
    ((key,),) = city.rows(
        CALLS, "deduplicated", CALLS, "select min(item_number) filter (beat_code like '8E%')"
    )
    story = city.why(CALLS, key.lower())
    assert story["key"] == key
    assert story["lines"][0]["fate"] == "published"
    assert story["portal"]["on_portal"]
    assert {cell["rule"] for cell in story["cells"]} >= {"excel_number_is_code"}


def test_streets_near_each_other_are_no_drift(city: City) -> None:
    """Of 1,000 streets, most with a row or two, some always stop as others begin."""
    rows = city.rows(
        CALLS,
        "standardized",
        f"spelling_{CALLS}",
        "select count(*) filter (outcome = 'drift'), count(*) filter (outcome = 'proposed') > 0",
    )
    assert rows == [(0, True)]

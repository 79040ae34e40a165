"""Classes of deciding values: what is covered, what is harmless, and what nobody knows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.dataset import Dataset
from orchestration.domains.classes import (
    Classes,
    Classified,
    define_asked,
    define_classes,
    load_classes,
    load_classes_file,
    plain,
)
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from tests.unit.publishing.conftest import trees

POLICY = {
    "id": "secret_withheld", "action": "withhold", "column": "species", "values": ["Secret Oak"],
    "statement": "S.", "authority": "A", "source": "S", "approved_by": "B",
    "approved_on": "2020-01-01", "review_on": "2030-01-01",
}  # fmt: skip
CODED = {**POLICY, "codes": {"columns": ["keeper"], "values": ["21J"]}}


@pytest.fixture
def desk(tmp_path: Path) -> Settings:
    return replace(Settings.from_environment(), datasets_dir=tmp_path)


def classes_of(desk: Settings, *lines: str, dataset: Dataset | None = None) -> Classes:
    text = "\n".join(["column,value,class,source,until", *lines])
    (desk.datasets_dir / "trees.classes.csv").write_text(text)
    return load_classes(desk, dataset or trees(policies=[POLICY]), today=date(2026, 11, 29))


@pytest.mark.parametrize(
    ("value", "policies"),
    [
        ("Secret Oak", ("secret_withheld",)),
        (" secret   OAK ", ("secret_withheld",)),
        ("elm", ()),
        ("Secret Oak 2", None),
        ("", None),
        (None, None),
    ],
    ids=["listed", "case and blanks", "harmless", "only resembling", "blank", "null"],
)
def test_class_of_a_value(
    desk: Settings, value: str | None, policies: tuple[str, ...] | None
) -> None:
    """What a policy lists is covered, what people called harmless is that, all else is unknown."""
    assert classes_of(desk, "species,Elm,harmless,a list,").of("species", value) == policies


def test_policy_is_above_the_file(desk: Settings) -> None:
    """Nobody takes a listed value out of its policy by calling it harmless."""
    found = classes_of(desk, "species,SECRET OAK,harmless,a mistake,")
    assert found.of("species", "Secret Oak") == ("secret_withheld",)


def test_codes_decide_too(desk: Settings) -> None:
    """A code is covered whatever the text beside it says."""
    found = classes_of(desk, dataset=trees(policies=[CODED]))
    assert found.of("keeper", "21j") == ("secret_withheld",)


@pytest.mark.parametrize(("until", "policies"), [("2026-11-30", ()), ("2026-11-29", None)])
def test_time_of_a_class_ends(desk: Settings, until: str, policies: tuple[str, ...] | None) -> None:
    """A class with an end is none from that day on."""
    assert (
        classes_of(desk, f"species,Elm,harmless,upgrade,{until}").of("species", "Elm") == policies
    )


@pytest.mark.parametrize(
    "line",
    ["height_feet,1,harmless,x,", "species,,harmless,x,", "species,Elm,no_policy,x,",
     "species,Elm,harmless,,", "species,Elm,harmless,x,soon"],
    ids=["column", "value", "class", "source", "until"],
)  # fmt: skip
def test_mistake_names_file_and_line(desk: Settings, line: str) -> None:
    """A classes file that is wrong is refused by line."""
    with pytest.raises(ConfigurationError, match=r"trees\.classes\.csv: line 2: "):
        classes_of(desk, line)


def test_value_stands_once(desk: Settings) -> None:
    """Two classes of one value are a mistake, whatever its case."""
    with pytest.raises(ConfigurationError, match="line 3: this value was classified"):
        classes_of(desk, "species,Elm,harmless,x,", "species,ELM,secret_withheld,x,")


HOSTILE = st.text(max_size=12) | st.sampled_from(["'", "');drop", "{{ x }}", "a|b", "\x00", "é'"])


@settings(max_examples=40, deadline=None)
@given(words=st.lists(HOSTILE, max_size=8), asked=st.lists(HOSTILE, max_size=8))
def test_models_know_what_python_knows(words: Sequence[str], asked: Sequence[str]) -> None:
    """The function of the models agrees with `of`, or does not know a value: never the other way."""
    dataset = trees(policies=[POLICY])
    known = {plain(word): () for word in words if plain(word)} | {
        "SECRET OAK": ("secret_withheld",)
    }
    classes = Classes(deciding=dataset.deciding, known={"species": known})
    with duckdb.connect() as connection:
        define_classes(connection, classes)
        for cell in [*words, *asked, "secret oak", "Secret  Oak"]:
            found = connection.execute("select class_species(?)", [cell]).fetchone()
            assert found is not None
            if found[0] is not None:
                assert found[0] == " ".join(classes.of("species", cell) or ())
                assert classes.of("species", cell) is not None


def test_column_that_an_extract_lacks_is_not_asked(desk: Settings) -> None:
    """Codes of a year that had none stop no row; blank cells of one that has them do."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table lines as select * from (values ('a', 'oak', null), ('b', 'oak', '21'), "
            "('b', 'oak', ' ')) as t(_extract_id, species, keeper)"
        )
        define_asked(connection, trees(policies=[CODED]), lines="lines")
        found = connection.execute(
            "select is_asked_keeper('a'), is_asked_keeper('b'), is_asked_species('a')"
        ).fetchone()
    assert found == (False, True, True)


def test_signed_is_above_the_file(desk: Settings) -> None:
    """What a custodian signed counts more than the proposal of the file."""
    classes_of(desk, "species,Elm,harmless,a list,")
    signed = [
        Classified(column="species", value="ELM", policies=("secret_withheld",), source="signed")
    ]
    found = load_classes(desk, trees(policies=[POLICY]), signed)
    assert found.of("species", "Elm") == ("secret_withheld",)
    assert [one.policies for one in load_classes_file(desk, trees(policies=[POLICY]))] == [()]

"""New words of deciding columns: told at once where they resemble a protected one, else once a week."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from orchestration.alerts.messages import compose, compose_digest
from orchestration.layers import finish_layer, workspace
from tests.receivers import MailServer
from tests.town import PASSED, Town, new_town, rule

POLICY = {
    "id": "ghosts_withheld", "action": "withhold", "column": "species", "values": ["GHOST ORCHID"],
    "statement": "S.", "authority": "A", "source": "S", "approved_by": "B",
    "approved_on": "2020-01-01", "review_on": "2030-01-01",
}  # fmt: skip
CLASSES = "column,value,class,source,until\nspecies,OAK,harmless,The park,\n"
TUESDAY, MONDAY = "2026-06-30T11:30:00+00:00", "2026-07-06T13:00:00+00:00"
"""The second is eight in the morning in New Orleans."""


class Grove:
    """A town whose one dataset has a deciding column, and whose extracts hold what a test says."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self._runs = itertools.count(1)
        self.write()

    def write(self, **alerts: Any) -> None:
        """Writes the dataset file and its classes file."""
        self.town.write_dataset(policies=[POLICY], alerts={"routes": [{"to": "owners"}], **alerts})
        (self.town.settings.datasets_dir / "grove_0.classes.csv").write_text(CLASSES)

    def day(self, *species: str, moment: str, outcome: str = "failed") -> None:
        """One run over trees of these species, and a look at a moment."""
        settings, run_id = self.town.settings, f"landing-{next(self._runs)}"
        with workspace(settings, run_id, "raw") as folder:
            _write(folder / "one.parquet", species, moment)
            finish_layer(
                settings, self.town.state, dataset="grove_0", layer="raw", run_id=run_id,
                upstream=None, files=[folder / "one.parquet"], facts={"columns": ["species"]},
            )  # fmt: skip
        unknown = [one for one in species if one != "OAK"]
        told = rule("species_classified", strength="waiting", outcome=outcome, failing=len(unknown))
        self.town.run([told if unknown else {**PASSED, "rule_id": told["rule_id"]}],
                      layer="standardized")  # fmt: skip
        self.town.watch(moment)

    def told(self) -> list[tuple[str, str, str]]:
        """Every message: of which kind of alert, what it is, and when it is due."""
        return [(one.facts["kind"], one.kind, one.due_at[:16]) for one in self.town.outbox()]


def _write(path: Path, species: tuple[str, ...], moment: str) -> None:
    given = {
        "tree_id": [f"T{number}" for number in range(len(species))],
        "species": list(species),
        "_extract_id": ["one"] * len(species),
    }
    with duckdb.connect() as connection:
        connection.register("given", pa.table(given))
        connection.execute(
            f"copy (select *, timestamp '{moment[:19]}' as _extracted_at from given) "
            f"to '{path}' (format parquet)"
        )


@pytest.fixture
def grove(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Grove]:
    with new_town(tmp_path, monkeypatch) as town:
        made = Grove(town)
        town.watch()
        yield made


def test_words_that_resemble_nothing_protected_are_one_message_a_week(grove: Grove) -> None:
    """However many runs find them: due on Monday at eight, with what is so then, then a week later."""
    for day in range(1, 6):
        grove.day("PALM", *(["YUCCA"] * (day > 2)), moment=f"2026-07-0{day}T11:30:00+00:00")
    assert grove.told() == [("words_wait", "opened", MONDAY[:16])]
    (message,) = grove.town.outbox()
    assert message.is_digest
    assert message.facts["headline"].startswith("2 new words of deciding columns on 2 cells")


def test_words_that_wait_on_are_told_again_a_week_later(
    grove: Grove, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is new since the last digest; it never escalates by the number of runs."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", mails.url)
    grove.day("PALM", moment=TUESDAY)
    grove.town.watch(MONDAY)
    for day in range(7, 16):
        grove.day("PALM", "YUCCA", moment=f"2026-07-{day:02}T11:30:00+00:00")
    assert [kind for _, kind, _ in grove.told()] == ["opened", "news", "news"]
    assert [one.facts["news"] for one in grove.town.outbox()] == [
        None, "1 word more", "nothing since the last digest",
    ]  # fmt: skip
    assert len(mails.mails) == 2


def test_words_answered_are_over_and_only_that_is_said(grove: Grove) -> None:
    """Nobody reads on Monday that words wait which were answered on Wednesday."""
    grove.day("PALM", moment=TUESDAY)
    grove.day("OAK", moment="2026-07-01T11:30:00+00:00")
    parts = [(one.kind, one.facts) for one in grove.town.outbox()]
    assert [kind for kind, _ in parts] == ["opened", "resolved"]
    assert " OVER " in compose_digest(parts).subject
    assert grove.town.open() == []


def test_word_that_resembles_a_protected_one_is_told_at_once_and_once(grove: Grove) -> None:
    """Found by every run, told by the first; another such word is news."""
    for _ in range(3):
        grove.day("GHOST ORCHD", moment=TUESDAY)
    assert grove.told() == [("words_resemble", "opened", TUESDAY[:16])]
    grove.day("GHOST ORCHD", "WHITE GHOST", moment=TUESDAY)
    grove.day("WHITE GHOST", moment=TUESDAY)
    grove.day("GHOST ORCHD", "WHITE GHOST", moment=TUESDAY)
    assert [kind for _, kind, _ in grove.told()] == ["opened", "news"]
    assert grove.town.outbox()[1].facts["news"] == "1 word more"
    assert not grove.town.outbox()[0].is_digest


def test_no_word_stands_in_a_message_or_in_its_facts(grove: Grove) -> None:
    """A word is a cell: names of columns and policies, counts and a command are all that is said."""
    grove.day("GHOST ORCHID OF ANN ROE", "CALL 504-555-0142", moment=TUESDAY)
    found = grove.town.outbox()
    assert {one.facts["kind"] for one in found} == {"words_resemble", "words_wait"}
    said = str([one.facts for one in found]) + str([compose(one.kind, one.facts) for one in found])
    assert not [word for word in ("ANN ROE", "504-555", "555-0142", "CALL") if word in said]
    for wanted in ("species 1", "words of ghosts_withheld (1)", "summerware classify grove_0"):
        assert wanted in said


def test_weekly_digest_keeps_to_its_day(grove: Grove, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dataset file says which; without a daemon, and without a daily digest, all the same."""
    monkeypatch.setenv("SUMMERWARE_DAEMON", "no")
    grove.write(weekly_on="thursday", digest_at=None)
    grove.day("PALM", moment=TUESDAY)
    assert grove.told() == [("words_wait", "opened", "2026-07-02T13:00")]


def test_rule_that_crashed_says_nothing_of_words(grove: Grove) -> None:
    """What waited waits on; that the rule crashed is an alert of its own."""
    grove.day("PALM", moment=TUESDAY)
    grove.day("PALM", moment=TUESDAY, outcome="broken")
    assert sorted(alert.kind for alert in grove.town.open()) == ["rule_broken", "words_wait"]


def test_rows_that_wait_for_no_word_are_told_all_the_same(grove: Grove) -> None:
    """A classified word that standardizing made into an unknown one: nothing waits untold."""
    grove.day("OAK", moment=TUESDAY)
    found = [rule("species_classified", strength="waiting", failing=3)]
    grove.town.run(found, layer="standardized")
    grove.town.watch(TUESDAY)
    (alert,) = grove.town.open()
    assert alert.kind == "words_wait"
    assert "species_classified 3" in alert.facts["headline"]


def test_words_of_a_week_are_a_digest_of_their_own() -> None:
    """Several datasets, one mail."""
    facts = {
        "title": "T",
        "headline": "H",
        "kind": "words_wait",
        "severity": "warning",
        "rule": None,
    }
    facts |= {"since": MONDAY, "runs": 1, "alert": "alert-0123456789"}
    message = compose_digest([("opened", facts), ("news", {**facts, "alert": "alert-9876543210"})])
    assert message.subject == "[Summerware] Weekly digest of new words: 2 to look at, 0 over"

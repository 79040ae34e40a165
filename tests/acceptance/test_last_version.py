"""A home that the last version made: today's code opens, resumes, rolls back and verifies it.

What is in it, and how it was made, stands in `tests/homes/README.md`. It is unpacked at another path
than it was made at, and its dataset files and suites are those of that version, without domains.
"""

import json
import shutil
import socket
import sqlite3
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from typer.testing import CliRunner

from orchestration.checking import find_domain_mistakes
from orchestration.classification.in_force import classes_in_force
from orchestration.cli import app
from orchestration.dataset import load_datasets
from orchestration.errors import GateNotPassed
from orchestration.gates.rule_hashes import rules_hash, suite_hash
from orchestration.gates.suites import SUITES
from orchestration.layers import snapshot_file
from orchestration.publishing.inspection import verify_portal
from orchestration.publishing.publisher import open_publisher, publish, release, rollback
from orchestration.publishing.targets import local_portal
from orchestration.settings import PROJECT
from orchestration.state.store import Publication
from tests.acceptance.city import City, as_json, copied

ARCHIVES = sorted((Path(__file__).parents[1] / "homes").glob("*.tar.xz"))


class Home:
    """The city of an archive, and what its story says of it."""

    def __init__(self, root: Path, environment: pytest.MonkeyPatch) -> None:
        self.city = City(root, environment)
        self.city.use(
            SUMMERWARE_DATASETS=root / "datasets", SUMMERWARE_EXPECTATIONS=root / "expectations"
        )
        self.story: dict[str, Any] = json.loads((root / "story.json").read_text())

    def dataset(self, part: str) -> Any:
        """The dataset of a part of the story."""
        return self.city._dataset(self.story[part]["dataset"])

    def publication(self, part: str) -> Publication:
        """The publication of a part of the story, as it is now."""
        wanted = self.story[part]
        return next(
            one
            for one in self.city.state.publications(wanted["dataset"])
            if one.id == wanted["publication"]
        )

    def published(self, publication: Publication, key: str) -> Counter[str]:
        """The keys that a publication left, by its own snapshot."""
        file = snapshot_file(self.city.settings, publication)
        return Counter(
            row[0] for row in duckdb.sql(f"select {key} from read_parquet('{file}')").fetchall()
        )

    def on_portal(self, dataset: Any) -> Counter[str]:
        """The keys that the portal serves, each as often as it does."""
        with local_portal(self.city.settings) as address:
            return Counter(
                row[dataset.key]
                for one in self.city.state.portal_ids("local", dataset.id).values()
                for row in requests.get(
                    f"http://{address}/resource/{one}.json",
                    params={"$select": dataset.key, "$limit": "50000"},
                    timeout=30,
                ).json()
            )

    def holds(self, dataset: Any) -> bool:
        """Whether every row on the portal is as the last publication left it."""
        settings, state = self.city.settings, self.city.state
        with open_publisher(settings, state, dataset) as publisher:
            return verify_portal(publisher, full=True, run_id="verify-test").holds

    def assert_proven(self, publication: Publication, dataset: Any) -> None:
        """It is verified, nothing is lost, nothing is twice, and every cell is as planned."""
        assert publication.state == "verified"
        assert self.on_portal(dataset) == self.published(publication, dataset.key)
        assert self.holds(dataset)


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.split(".")[0])
def unpacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive, unpacked once, on the machine where its killed process lived."""
    folder = tmp_path_factory.mktemp("elsewhere") / "city"
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    with sqlite3.connect(folder / "home" / "state.db") as state:
        state.execute("update run_process set host = ?", (socket.gethostname(),))
    state.close()
    return folder


@pytest.fixture
def home(unpacked: Path, tmp_path: Path, environment: pytest.MonkeyPatch) -> Iterator[Home]:
    """The home as the last version left it, to go its own way."""
    root = tmp_path / "moved"
    shutil.copytree(unpacked, root)
    yield Home(root, environment)
    for name in ("DATASETS", "EXPECTATIONS", "DBT_PROJECT"):
        environment.delenv(f"SUMMERWARE_{name}", raising=False)


def command(*words: str) -> str:
    """What a command prints that must succeed."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_commands_answer(home: Home) -> None:
    """Gates, fates, publications, stories, decisions and alerts are all told as before."""
    ids = sorted(path.stem for path in (home.city.root / "datasets").glob("*.yaml"))
    assert sorted({one["dataset"] for one in as_json(command("gates", "--json"))}) == ids
    for dataset in ids:
        fates = as_json(command("ledger", dataset, "--json"))
        assert sum(fates["fates"].values()) == fates["raw"] > 0
        assert as_json(command("publications", dataset, "--json"))[0]["state"] == "verified"
    down = home.story["taken_down"]
    assert as_json(command("why", down["dataset"], down["key"], "--json"))["lines"]
    assert len(as_json(command("takedown", down["dataset"], "--json"))) == 1
    decided = home.story["decided"]["dataset"]
    assert len(as_json(command("review", "list", decided, "--json"))["decisions"]) == 1
    kinds = {one["kind"] for one in as_json(command("alerts", "--json"))}
    assert {"gate_failed", "publication_held", "rows_quarantined"} <= kinds
    discarded = home.city.state.extract(home.story["discarded"]["extract"])
    assert discarded is not None
    assert discarded.discarded_at


def test_doctor_finds_its_parts_sound(home: Home) -> None:
    """State, key, portal and disk of a home that was moved are in order."""
    told = as_json(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    well = {one["name"]: one["is_well"] for one in told}
    assert well["disk"]
    assert well["state"]


def test_gate_records_still_count(home: Home) -> None:
    """What the last version gated is not voided by a new one, but where values decide a policy.

    Nobody had classified those, and what is not known is not published.
    """
    for dataset in (home.dataset(part) for part in ("held", "half_sent", "rolled_back")):
        newest = home.city.state.publications(dataset.id)[-1]
        layer = home.city.state.layer(newest.layer_id)
        assert newest.rules_hash == rules_hash(home.city.settings, dataset)
        assert layer.layer in SUITES
        record = home.city.state.gate_record(
            dataset.id,
            layer.layer,
            layer.content_hash,
            suite_hash(
                home.city.settings,
                dataset,
                layer.layer,
                classes=classes_in_force(home.city.settings, home.city.state, dataset).hash,
            ),
        )
        assert (record is None) == bool(dataset.deciding)


def test_held_one_is_released_and_proven(home: Home) -> None:
    """Judged anew by the vocabularies of today, what was held goes out when it is signed."""
    city, dataset, held = home.city, home.dataset("held"), home.publication("held")
    assert held.state == "held"
    with pytest.raises(GateNotPassed, match="rules as they are now"):
        release(city.settings, city.state, dataset, held.id, by="second.signer")
    city.run(dataset.id, extracts_dir=city.root / "extracts" / home.story["days"][-1])
    waiting = city.publications(dataset.id)[-1]["id"]
    outcome = release(city.settings, city.state, dataset, waiting, by="second.signer")
    assert outcome.state == "verified"
    home.assert_proven(city.state.publications(dataset.id)[-1], dataset)


def test_half_sent_one_goes_on_and_is_proven(home: Home) -> None:
    """The chunk that nobody had noted is not lost and not twice; what was not sent is."""
    dataset = home.dataset("half_sent")
    assert home.publication("half_sent").state == "released"
    with open_publisher(home.city.settings, home.city.state, dataset) as publisher:
        publisher.finish_what_was_released()
    home.assert_proven(home.publication("half_sent"), dataset)


@pytest.mark.parametrize("part", ["rolled_back", "taken_down"])
def test_what_ended_still_holds(home: Home, part: str) -> None:
    """The portal is as a rollback and a takedown left it, row by row."""
    dataset = home.dataset(part)
    newest = home.city.state.publications(dataset.id)[-1]
    assert newest.kind == {"rolled_back": "rollback", "taken_down": "takedown"}[part]
    home.assert_proven(newest, dataset)
    assert home.story["taken_down"]["key"] not in home.on_portal(dataset)


def test_rolls_back_to_what_the_last_version_published(home: Home) -> None:
    """And forth again: its snapshots are still targets."""
    dataset, settings, state = home.dataset("rolled_back"), home.city.settings, home.city.state
    for to in ("from", "to"):
        wanted = home.story["rolled_back"][to]
        outcome = rollback(
            settings, state, dataset, wanted, by="a test", reason="a trial", run_id=f"rollback-{to}"
        )
        newest = state.publications(dataset.id)[-1]
        assert (outcome.state, newest.kind) == ("verified", "rollback")
        home.assert_proven(newest, dataset)
        earlier = next(one for one in state.publications(dataset.id) if one.id == wanted)
        assert home.on_portal(dataset) == home.published(earlier, dataset.key)


def test_first_day_of_the_new_version(home: Home) -> None:
    """No dataset stops overnight: the half-sent one is finished, what was taken down stays away."""
    city, days = home.city, home.story["days"]
    summary = city.run(extracts_dir=city.root / "extracts" / days[-1])
    assert summary.exit_code == 0
    states = {one["dataset"]: one["publication"]["state"] for one in summary.datasets}
    held = home.story["held"]["dataset"]
    assert states.pop(held) == "held"
    assert set(states.values()) == {"verified"}
    assert home.publication("half_sent").state == "verified"
    down = home.story["taken_down"]
    assert {one["reason"] for one in city.why(down["dataset"], down["key"])["lines"]} == {
        "takedown"
    }
    assert down["key"] not in home.on_portal(city._dataset(down["dataset"]))
    for name in (*states, held):
        dataset, fates = city._dataset(name), city.ledger(name)
        assert sum(fates["fates"].values()) == fates["raw"] > 0
        if name != held:
            home.assert_proven(city.state.publications(name)[-1], dataset)
            again = publish(
                city.settings, city.state, dataset, city.layer(name, "deduplicated"), run_id="again"
            )
            assert again.state == "unchanged"
    assert _never_ended(city.home) == 0


def test_upgraded_city_goes_on(home: Home) -> None:
    """Drafts for all columns and nothing else changed; what is held is planned anew and released."""
    city = home.city
    city.use(SUMMERWARE_DBT_PROJECT=copied(PROJECT / "dbt_project", city.root / "dbt_project"))
    before = load_datasets(city.settings.datasets_dir)
    told = as_json(command("upgrade", "--json"))
    after = load_datasets(city.settings.datasets_dir)
    assert [_plain(one) for one in after.values()] == [_plain(one) for one in before.values()]
    assert all(column.domain for one in after.values() for column in one.published)
    assert {seed for one in told["datasets"] for seed in one["seeds"]}
    assert not any(one["domains"] for one in as_json(command("upgrade", "--json"))["datasets"])
    assert not find_domain_mistakes(city.settings, after, today=date.today())
    held, sent = home.story["held"]["dataset"], home.story["half_sent"]["dataset"]
    with pytest.raises(GateNotPassed, match="rules as they are now"):
        release(
            city.settings, city.state, after[held], home.publication("held").id, by="second.signer"
        )
    day = city.root / "extracts" / home.story["days"][-1]
    summary = city.run(held, sent, extracts_dir=day)
    states = {one["dataset"]: one["publication"]["state"] for one in summary.datasets}
    assert states == {held: "held", sent: "verified"}
    waiting = city.publications(held)[-1]["id"]
    assert release(city.settings, city.state, after[held], waiting, by="Ann").state == "verified"
    for name in (held, sent):
        home.assert_proven(city.state.publications(name)[-1], after[name])


def _plain(dataset: Any) -> dict[str, Any]:
    """What a dataset file says but for domains."""
    said: dict[str, Any] = dataset.model_dump()
    columns = [{**column, "domain": None} for column in said["columns"]]
    return {**said, "columns": columns}


def _never_ended(home: Path) -> int:
    """How many runs Dagster's history still believes to be under way."""
    with sqlite3.connect(home / "dagster" / "history" / "runs.db") as history:
        query = "select count(*) from runs where status in ('STARTED', 'STARTING')"
        (count,) = history.execute(query).fetchone()
    history.close()
    return int(count)


_FOLDERS = [f"/{name}/".encode() for name in ("work", "root", "tmp", "Users")]


def test_archives_name_no_machine(unpacked: Path) -> None:
    """No path of who made them is in a file, databases included."""
    assert ARCHIVES
    for path in (one for one in unpacked.rglob("*") if one.is_file()):
        content = path.read_bytes()
        assert not any(part in content for part in _FOLDERS), path

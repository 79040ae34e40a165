"""`summerware upgrade` on a home that has published: what it writes, and the time that it gives."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from typer.testing import CliRunner

from orchestration.checking import (
    find_domain_mistakes,
    find_domain_warnings,
    find_suite_mistakes,
    find_suite_warnings,
)
from orchestration.cli import app
from orchestration.dataset import Dataset, load_dataset
from orchestration.errors import ConfigurationError
from orchestration.gates.suites import SUITES, suite_path
from orchestration.portal.server import PortalServer
from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from orchestration.state.upgrades import DOMAINS, GRACE, UpgradeStore
from orchestration.state.upgrades import SUITES as SUITE_FORMS
from orchestration.upgrading import upgrade as upgrading
from orchestration.upgrading.upgrade import BACKUP, Upgraded
from orchestration.warehouse.vocabularies import load_vocabulary
from tests.park import Park
from tests.unit.publishing.conftest import tree

TODAY = date(2026, 11, 29)
UNTIL = TODAY + GRACE
ROWS = [tree(f"T{number}", species=("oak", "elm")[number % 2]) for number in range(40)]


class Killed(BaseException):
    """The process dies here: nothing in the code may catch it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Park]:
    """A park that has published once, and a dbt project of its own."""
    folder = tmp_path_factory.mktemp("upgrade")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(folder / "home"))
        for name in ("DATASETS", "EXPECTATIONS", "STATE_URL", "PORTAL"):
            environment.delenv(f"SUMMERWARE_{name}", raising=False)
        settings = Settings.from_environment().prepare()
        state = State(open_database(settings))
        with PortalServer(settings.portal_home) as portal:
            park = Park(folder, settings, state, portal)
            assert park.publish_rows(ROWS).state == "verified"
            yield park
        state.engine.dispose()


@pytest.fixture
def park(world: Park, tmp_path: Path) -> Iterator[Park]:
    """The same, its files as they were and no upgrade remembered."""
    (tmp_path / "dbt" / "seeds").mkdir(parents=True)
    (tmp_path / "datasets").mkdir()
    before = world.settings
    world.settings = replace(
        before, datasets_dir=tmp_path / "datasets", dbt_project_dir=tmp_path / "dbt"
    )
    world.write_dataset()
    with world.state.engine.begin() as connection:
        connection.execute(sa.text("delete from upgrade"))
    yield world
    world.settings = before


def file_of(park: Park) -> Path:
    return park.settings.datasets_dir / "trees.yaml"


def upgraded(park: Park, *, today: date = TODAY, dry_run: bool = False) -> Upgraded:
    dataset = load_dataset(file_of(park))
    until, (found,) = upgrading.upgrade(
        park.settings, park.state, [dataset], today=today, dry_run=dry_run
    )
    assert until == UNTIL
    return found


def everything(park: Park) -> dict[str, bytes]:
    """Every file that an upgrade may touch."""
    folders = (park.settings.datasets_dir, park.settings.dbt_project_dir)
    return {
        path.name: path.read_bytes() for one in folders for path in one.rglob("*") if path.is_file()
    }


def plain(dataset: Dataset) -> dict[str, Any]:
    said = dataset.model_dump()
    return said | {"columns": [{**one, "domain": None} for one in said["columns"]]}


def test_every_published_column_gets_a_draft_and_nothing_else_changes(park: Park) -> None:
    """Internal columns get none; the words of a vocabulary stand in a seed, with their source."""
    before, text = load_dataset(file_of(park)), file_of(park).read_text()
    found = upgraded(park)
    after = load_dataset(file_of(park))
    assert plain(after) == plain(before)
    assert {one.name for one in after.columns if one.domain} == {
        one.name for one in after.published
    }
    assert {one.domain.until for one in after.published if one.domain} == {UNTIL, None}
    entries = load_vocabulary(park.settings, "trees_species")
    assert [one.value for one in entries] == ["elm", "oak"]
    assert found.seeds == {"trees_species.csv": 2}
    assert file_of(park).with_name(f"trees.yaml{BACKUP}").read_text() == text


def test_twice_is_once(park: Park) -> None:
    """A file that has its domains is left as it is, also on a later day."""
    upgraded(park)
    before = everything(park)
    assert not upgraded(park, today=TODAY + timedelta(days=30)).drafts
    assert everything(park) == before


def test_dry_run_writes_nothing_and_remembers_nothing(park: Park) -> None:
    """It shows the change, and no published word."""
    before = everything(park)
    found = upgraded(park, dry_run=True)
    assert "+  domain:" in found.diff
    assert "oak" not in found.diff
    assert everything(park) == before
    assert UpgradeStore(park.state).grace(DOMAINS) is None


@pytest.mark.parametrize("step", range(7))
def test_killed_anywhere_the_next_call_goes_on(
    park: Park, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before or after any file is written or renamed; the backup is the file as it was."""
    text, steps = file_of(park).read_text(), iter(range(100))
    rename = Path.replace

    def dying(self: Path, target: Path) -> Path:
        if next(steps) == step:
            raise Killed
        moved = rename(self, target)
        if next(steps) == step:
            raise Killed
        return moved

    monkeypatch.setattr(Path, "replace", dying)
    try:
        upgraded(park)
    except Killed:
        load_dataset(file_of(park))
    monkeypatch.setattr(Path, "replace", rename)
    upgraded(park)
    assert all(one.domain for one in load_dataset(file_of(park)).published)
    assert file_of(park).with_name(f"trees.yaml{BACKUP}").read_text() == text
    assert len(load_vocabulary(park.settings, "trees_species")) == 2


def test_backup_undoes_it(park: Park) -> None:
    """Put back, the file is as it was, and the next upgrade drafts the same again."""
    text = file_of(park).read_text()
    upgraded(park)
    after = file_of(park).read_text()
    file_of(park).with_name(f"trees.yaml{BACKUP}").replace(file_of(park))
    assert file_of(park).read_text() == text
    upgraded(park)
    assert file_of(park).read_text() == after


def test_older_backup_is_never_written_over(park: Park) -> None:
    """A file that a person changed since is kept beside the first one."""
    old = file_of(park).with_name(f"trees.yaml{BACKUP}")
    old.write_text("the first\n")
    assert upgraded(park).backup == f"trees.yaml{BACKUP}-2"
    assert old.read_text() == "the first\n"


def test_seed_of_somebody_else_is_refused(park: Park) -> None:
    """A vocabulary that a person wrote is never replaced, and nothing is half done."""
    seed = park.settings.dbt_project_dir / "seeds" / "trees_species.csv"
    seed.write_text("value,source\nASH,Parks\n")
    before = everything(park)
    with pytest.raises(ConfigurationError, match=r"trees_species.csv: is there already"):
        upgraded(park)
    assert everything(park) == before


def test_link_stays_a_link_with_its_permissions(park: Park, tmp_path: Path) -> None:
    """A city that keeps its files elsewhere and links to them keeps doing so."""
    real = tmp_path / "kept" / "trees.yaml"
    real.parent.mkdir()
    file_of(park).replace(real)
    real.chmod(0o640)
    file_of(park).symlink_to(real)
    upgraded(park)
    assert file_of(park).is_symlink()
    assert "domain" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


def test_nothing_published_nothing_drafted(park: Park) -> None:
    """Without rows there is nothing to draft from, and that is said."""
    park.write_dataset(publish={"id": "tree-tree"}, id="trees")
    other = load_dataset(file_of(park)).model_copy(update={"id": "shrubs"})
    _, (found,) = upgrading.upgrade(park.settings, park.state, [other], today=TODAY, dry_run=True)
    assert (found.drafts, found.left is None) == ((), False)


def test_command_tells_and_its_json_is_whole(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for people, once for scripts."""
    monkeypatch.setenv("SUMMERWARE_DATASETS", str(park.settings.datasets_dir))
    monkeypatch.setenv("SUMMERWARE_DBT_PROJECT", str(park.settings.dbt_project_dir))
    said = CliRunner().invoke(app, ["upgrade", "--dry-run", "--json"], catch_exceptions=False)
    (told,) = json.loads(said.stdout)["datasets"]
    assert set(told["domains"]) == {one.name for one in park.dataset.published}
    said = CliRunner().invoke(app, ["upgrade", "trees"], catch_exceptions=False)
    assert "trees: 8 domains drafted" in said.stdout
    assert "check" in said.stdout
    again = CliRunner().invoke(app, ["upgrade"], catch_exceptions=False)
    assert "has its domain already" in again.stdout


# What `check` says


def owed(park: Park, today: date) -> tuple[int, int]:
    """How many mistakes and warnings there are on a day."""
    datasets = {"trees": load_dataset(file_of(park))}
    return (
        len(find_domain_mistakes(park.settings, datasets, today=today)),
        len(find_domain_warnings(park.settings, datasets, today=today)),
    )


@pytest.mark.parametrize("is_upgraded", [False, True], ids=["as it was", "drafted"])
def test_warns_until_the_day_and_refuses_then(park: Park, is_upgraded: bool) -> None:
    """Without domains and with drafts alike: nobody is stopped overnight, nobody for ever."""
    UpgradeStore(park.state).begin(DOMAINS, on=TODAY)
    if is_upgraded:
        upgraded(park)
    assert owed(park, UNTIL - timedelta(days=1)) == (0, 1)
    assert owed(park, UNTIL) == (1, 0)


def test_new_home_owes_domains_from_its_first_day(park: Park) -> None:
    """No upgrade is remembered, so there is no time: the column is named, and the way out."""
    assert owed(park, TODAY) == (1, 0)
    (told,) = find_domain_mistakes(park.settings, {"trees": park.dataset}, today=TODAY)
    assert "species" in told
    assert "keeper" not in told
    assert "summerware upgrade trees" in told


def test_domain_without_a_day_owes_nothing(park: Park) -> None:
    """What a person looked at is no draft any more."""
    content = yaml.safe_load(file_of(park).read_text())
    for column in content["columns"]:
        column["domain"] = {"free_text": True}
    file_of(park).write_text(yaml.safe_dump(content))
    assert owed(park, TODAY) == (0, 0)


def test_looking_makes_no_home(park: Park, tmp_path: Path) -> None:
    """Files are checked where no home is, and none is there afterwards."""
    nowhere = replace(park.settings, state_url=f"sqlite:///{tmp_path / 'none' / 'state.db'}")
    assert len(find_domain_mistakes(nowhere, {"trees": park.dataset}, today=TODAY)) == 1
    assert not (tmp_path / "none").exists()


def test_time_is_never_lengthened(park: Park) -> None:
    """Asking again on a later day leaves the first day's."""
    store = UpgradeStore(park.state)
    first = store.begin(DOMAINS, on=TODAY)
    assert store.begin(DOMAINS, on=TODAY + timedelta(days=50)) == first


# Suites


@pytest.fixture
def former(park: Park, tmp_path: Path) -> Park:
    """The same park, its suites in the form of before."""
    park.settings = replace(park.settings, expectations_dir=tmp_path / "expectations")
    for layer in SUITES:
        path = suite_path(park.settings, park.dataset.id, layer)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Rules of trees.\nrules: []\n")
    return park


def test_suites_are_written_anew_before_anything_else(former: Park) -> None:
    """The command says which; another call finds none."""
    found = upgraded(former)
    assert found.suites == ("raw.yaml", "standardized.yaml", "publishable.yaml")
    assert found.drafts
    text = suite_path(former.settings, former.dataset.id, "raw").read_text()
    assert text == "# Rules of trees.\nname: trees.raw\nexpectations: []\n"
    assert upgraded(former).suites == ()


def test_suites_of_before_are_owed_with_the_same_time(former: Park) -> None:
    """A warning that names the command while a home has time, a mistake afterwards and in a new home."""
    datasets = {former.dataset.id: former.dataset}
    (mistake,) = find_suite_mistakes(former.settings, datasets, today=TODAY)
    assert mistake.startswith(
        "expectations/trees/: raw.yaml, standardized.yaml, publishable.yaml: "
    )
    assert "`summerware upgrade trees`" in mistake
    UpgradeStore(former.state).begin(SUITE_FORMS, on=TODAY)
    assert find_suite_mistakes(former.settings, datasets, today=UNTIL - timedelta(days=1)) == []
    (warning,) = find_suite_warnings(former.settings, datasets, today=TODAY)
    assert warning == f"{mistake} From {UNTIL} on this is refused."
    assert find_suite_mistakes(former.settings, datasets, today=UNTIL) == [warning]
    upgraded(former)
    assert find_suite_mistakes(former.settings, datasets, today=UNTIL) == []

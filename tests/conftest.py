"""What many tests need: a home of their own, its settings and state, dataset files, drop folders.

What only one kind of test needs stands in the conftest beside it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.dataset import Dataset, load_datasets
from orchestration.settings import PACKAGE, Settings
from orchestration.state.database import open_database
from orchestration.state.store import State
from tests.receivers import MailServer, Webhook, serving
from tests.soak import SOAK

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


_SLOWEST_FIRST = ("acceptance", "browser", "integration")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of minutes first, each folder's in random order: no core waits for another at the end.

    A campaign in full has an hour.
    """
    folders = [*_SLOWEST_FIRST, ""]

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return folders.index(folder if folder in folders else "")

    items.sort(key=place)
    for item in items if SOAK else ():
        if item.get_closest_marker("campaign") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3_600))


@pytest.fixture(scope="session", autouse=True)
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all tests of a session keep dbt's manifests: parsing one takes longer than a run."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "manifests"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TESTS_MANIFESTS", str(folder))
        yield folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `SUMMERWARE_HOME`; no other setting of the environment is in force."""
    for name in (
        "EXTRACTS",
        "SOURCE",
        "PORTAL",
        "DATASETS",
        "EXPECTATIONS",
        "STATE_URL",
        "TAKEDOWNS",
    ):
        monkeypatch.delenv(f"SUMMERWARE_{name}", raising=False)
    monkeypatch.setenv("SUMMERWARE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SUMMERWARE_SETTLING_SECONDS", "0")
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings.from_environment().prepare()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty state database to copy: migrating one takes longer than most tests."""
    path = tmp_path_factory.mktemp("state") / "state.db"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SUMMERWARE_HOME", str(path.parent))
        environment.delenv("SUMMERWARE_STATE_URL", raising=False)
        open_database(Settings.from_environment()).dispose()
    return path


@pytest.fixture
def state(settings: Settings, migrated_database: Path) -> Iterator[State]:
    shutil.copy(migrated_database, settings.home / "state.db")
    engine = open_database(settings)
    yield State(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def datasets() -> dict[str, Dataset]:
    """The project's own dataset files."""
    return load_datasets(PACKAGE / "datasets")


@pytest.fixture
def drop(tmp_path: Path) -> Callable[[str, str, str | bytes], Path]:
    """Writes a file into the sub-folder of a dataset in the drop folder `tmp_path / "drop"`."""

    def write(dataset_id: str, name: str, content: str | bytes) -> Path:
        path = tmp_path / "drop" / dataset_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real extracts beside the checkout; they are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real extracts are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Who receives alerts and heartbeats over HTTP."""
    with serving(Webhook()) as receiver:
        yield receiver


@pytest.fixture
def mails() -> Iterator[MailServer]:
    """Who receives alerts by mail."""
    with serving(MailServer()) as receiver:
        yield receiver

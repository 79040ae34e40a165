"""Where things are: the environment's settings and the folders under `SUMMERWARE_HOME`.

Only paths and switches. What a dataset is stands in its dataset file (`orchestration/dataset.py`);
what was found and done stands in the state database (`orchestration/state/`).
"""

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestration.errors import ConfigurationError

PACKAGE = Path(__file__).parent
_IN_WHEEL = PACKAGE / "project"
PROJECT = _IN_WHEEL if _IN_WHEEL.is_dir() else PACKAGE.parent
"""Where the dbt project, the suites and the docs that come with the package stand."""
WORKSPACE = PROJECT / "workspace.yaml"
"""What Dagster's processes serve."""
HOST = "127.0.0.1"
"""Where everything of ours listens: others come through a login in front."""
LOCAL = "local"
"""The portal of this home, and its name in the journal."""


def _path(name: str, default: Path) -> Path:
    return Path(os.environ.get(name) or default).expanduser().absolute()


def _url(name: str, default: str) -> str:
    return (os.environ.get(name) or default).rstrip("/")


def _web_address(name: str, default: str) -> str:
    url = _url(name, default)
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigurationError(f"{name} is {url!r}: it must begin with http:// or https://")
    return url


def uses_daemon() -> bool:
    """Whether this city's runs are started by Dagster's daemon, rather than by another scheduler."""
    return os.environ.get("SUMMERWARE_DAEMON", "yes") != "no"


def _stand_in(folder: Path) -> Path | None:
    """Where what belongs into a folder whose path holds a `?` is written instead; none for others.

    To DuckDB and to Dagster a `?` begins the options of a URL. The place is this user's alone.
    """
    if "?" not in str(folder):
        return None
    places = Path(tempfile.gettempdir()) / f"summerware-homes-{os.getuid()}"
    places.mkdir(mode=0o700, exist_ok=True)
    found = places.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigurationError(f"{places} is not a folder of yours alone; remove it")
    return places / hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]


def _close_to_others(file: Path) -> None:
    # It may be gone by now; one that others may write may be a link that somebody else made.
    with suppress(FileNotFoundError):
        if not file.is_symlink():
            file.chmod(0o700 if file.stat().st_mode & 0o100 else 0o600)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One process's view of the environment; build it with `Settings.from_environment()`."""

    home: Path
    datasets_dir: Path
    expectations_dir: Path
    dbt_project_dir: Path
    state_url: str
    source: str
    extracts_dir: Path | None
    portal: str
    ui_url: str
    """Where people open the Dagster UI, which answers to no other name than this and this machine's;
    links in messages begin with it."""
    docs_url: str
    """Where people read the runbook and the rules."""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads the `SUMMERWARE_*` variables; the README lists them.

        Raises:
            ConfigurationError: a variable has a value that it cannot have.
        """
        home = _path("SUMMERWARE_HOME", Path(".summerware"))
        if link := _stand_in(home):
            with suppress(FileExistsError):
                link.symlink_to(home)
            home = link
        extracts = os.environ.get("SUMMERWARE_EXTRACTS")
        source = os.environ.get("SUMMERWARE_SOURCE", "files" if extracts else "sample")
        if source not in ("files", "socrata", "sample"):
            raise ConfigurationError(
                f"SUMMERWARE_SOURCE is {source!r}: it must be files, socrata or sample"
            )
        portal = os.environ.get("SUMMERWARE_PORTAL", "local")
        if portal not in ("local", "live"):
            raise ConfigurationError(f"SUMMERWARE_PORTAL is {portal!r}: it must be local or live")
        project = _path("SUMMERWARE_PROJECT", PROJECT)
        datasets = PACKAGE / "datasets" if project == PROJECT else project / "datasets"
        return cls(
            home=home,
            datasets_dir=_path("SUMMERWARE_DATASETS", datasets),
            expectations_dir=_path("SUMMERWARE_EXPECTATIONS", project / "expectations"),
            dbt_project_dir=_path("SUMMERWARE_DBT_PROJECT", project / "dbt_project"),
            state_url=os.environ.get("SUMMERWARE_STATE_URL") or f"sqlite:///{home / 'state.db'}",
            source=source,
            extracts_dir=Path(extracts).expanduser().absolute() if extracts else None,
            portal=portal,
            ui_url=_web_address("SUMMERWARE_UI_URL", "http://127.0.0.1:3000"),
            docs_url=_url("SUMMERWARE_DOCS_URL", "docs"),
        )

    @property
    def extracts(self) -> Path:
        """Landed extracts: `<dataset>/<extract id>/rows.parquet`."""
        return self.home / "extracts"

    @property
    def layers(self) -> Path:
        """Finished layers: `<dataset>/<layer>/<layer id>/*.parquet`."""
        return self.home / "layers"

    @property
    def publications(self) -> Path:
        """Publications: `<dataset>/<publication id>/{upserts,deletes,snapshot}.parquet`."""
        return self.home / "publications"

    @property
    def workspaces(self) -> Path:
        """Throw-away folders of steps at work, one per run, dataset and layer."""
        # DuckDB follows links before it names its log.
        elsewhere = _stand_in(self.home.resolve())
        return elsewhere.with_suffix(".workspaces") if elsewhere else self.home / "workspaces"

    @property
    def locks(self) -> Path:
        """Files that processes lock; a lock dies with its owner."""
        return self.home / "locks"

    @property
    def gate_pages(self) -> Path:
        """The page of every gate's latest verdict: `<dataset>/<gate>.html`."""
        return self.home / "gates"

    @property
    def dagster_home(self) -> Path:
        """The Dagster instance: run history, schedules, sensors."""
        return self.home / "dagster"

    @property
    def portal_home(self) -> Path:
        """What the local portal holds."""
        return self.home / "portal"

    def prepare(self) -> "Settings":
        """Makes the home folder, readable by its owner alone, and all in it where it was not so."""
        home = self.home.resolve()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if home.stat().st_mode & 0o077:
            # From the outside in: from the first step on nobody else gets any further.
            home.chmod(0o700)
            for folder, _, files in os.walk(home):
                Path(folder).chmod(0o700)
                for name in files:
                    _close_to_others(Path(folder, name))
        return self

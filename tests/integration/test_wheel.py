"""The wheel alone, without a checkout: all that belongs to the project is in it, and it runs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestration.settings import PACKAGE, PROJECT, Settings
from tests.acceptance.city import copied

BESIDE = ("dbt_project", "expectations", "workspace.yaml")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel puts into `site-packages`."""
    source = tmp_path_factory.mktemp("source")
    for name in _tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PROJECT / name).read_bytes())
    wheels, site = source.parent / "wheels", source.parent / "site"
    build = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(wheels), "."]
    subprocess.run([sys.executable, "-m", "pip", *build], cwd=source, check=True)
    with zipfile.ZipFile(next(wheels.iterdir())) as wheel:
        wheel.extractall(site)
    return site


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.splitlines() if (PROJECT / name).is_file()]


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_nothing_of_the_project_is_left_out(installed: Path) -> None:
    """Every file of the package, the dbt project and the suites."""
    wanted = {name for name in _tracked() if name.startswith(f"{PACKAGE.name}/")}
    wanted |= {f"{PACKAGE.name}/project/{name}" for name in _tracked() if name.startswith(BESIDE)}
    assert wanted <= _files(installed)


def test_its_models_are_what_its_dataset_files_say(installed: Path, tmp_path: Path) -> None:
    """A command finds dataset files, templates and models of the wheel."""
    done = _summerware(installed, tmp_path, "generate", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.soak
def test_it_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """A dataset goes from sample to portal, and nothing is written where the wheel stands."""
    before = _files(installed)
    dataset = sorted(path.stem for path in (PACKAGE / "datasets").glob("*.yaml"))[0]
    done = _summerware(installed, tmp_path, "run", dataset)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{dataset}: sent and verified" in done.stderr
    assert _files(installed) == before


def _summerware(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ours = {name: text for name, text in os.environ.items() if not name.startswith("SUMMERWARE_")}
    return subprocess.run(
        [sys.executable, "-c", "from orchestration.cli import main; main()", *words],
        cwd=folder,
        env=ours | {"PYTHONPATH": str(site), "SUMMERWARE_SAMPLE_ROWS": "600"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_city_has_a_project_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SUMMERWARE_PROJECT` is one folder of three; each of them can stand elsewhere."""
    ours = Settings.from_environment()
    for folder in (ours.datasets_dir, ours.expectations_dir, ours.dbt_project_dir):
        copied(folder, tmp_path / "city" / folder.name)
    monkeypatch.setenv("SUMMERWARE_PROJECT", str(tmp_path / "city"))
    monkeypatch.setenv("SUMMERWARE_DBT_PROJECT", str(tmp_path / "elsewhere"))
    settings = Settings.from_environment()
    assert settings.datasets_dir == tmp_path / "city" / "datasets"
    assert settings.expectations_dir == tmp_path / "city" / "expectations"
    assert settings.dbt_project_dir == tmp_path / "elsewhere"

"""The dbt project as a run takes it: with the models of the dataset files as they are, and parsed.

The project of the checkout is taken where its generated models are those of the dataset files; where
somebody edited a dataset file since, a copy of it with the models generated anew. What dbt made of a
project is kept under `SUMMERWARE_HOME` by its content, so that an edit is never run with an old manifest.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.errors import ModelFault
from orchestration.layers import workspace
from orchestration.settings import Settings
from orchestration.warehouse.generated import find_stale, write_generated

progress = logging.getLogger("summerware.progress")

_LEFT_OUT = ("target", "logs", "templates")
_MANIFEST, _PARSED = "manifest.json", "partial_parse.msgpack"


@dataclass(frozen=True)
class Project:
    """A dbt project and what dbt made of it."""

    folder: Path
    kept: Path
    """The folder of what dbt made of it."""

    @property
    def manifest(self) -> Path:
        """The manifest as JSON, for whoever reads it without dbt."""
        return self.kept / _MANIFEST

    @property
    def parsed(self) -> Path:
        """The manifest as dbt itself reads it."""
        return self.kept / _PARSED


def find_project(settings: Settings, datasets: Mapping[str, Dataset]) -> Project:
    """The project with the models of these datasets, parsed if it has not been yet.

    Raises:
        ModelFault: dbt cannot parse the project.
        ConfigurationError: a model cannot be generated.
    """
    stale = find_stale(settings, datasets)
    # A copy with models made anew may be what the checkout is at another time, without any copy.
    name = _content_hash(settings.dbt_project_dir, stale) + ("-generated" if stale else "")
    kept = settings.home / "dbt" / name
    project = Project(folder=kept / "project" if stale else settings.dbt_project_dir, kept=kept)
    if not project.parsed.is_file():
        if stale:
            progress.info(
                f"{len(stale)} files of dbt_project are not what the dataset files say now: this run "
                "makes them anew for itself. Run `summerware generate` and commit what it writes"
            )
        _parse(settings, project, stale)
    return project


@lru_cache(maxsize=2)
def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest as dbt wrote it, read without dbt. Its folder is named after its content."""
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _content_hash(root: Path, stale: Mapping[str, str]) -> str:
    """Changes whenever a model, a macro or a seed does."""
    digest = hashlib.sha256()
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    for name in sorted({*files, *stale}):
        if name.split("/")[0] not in _LEFT_OUT:
            digest.update(f"\n{name} ".encode())
            digest.update(stale[name].encode() if name in stale else files[name].read_bytes())
    return digest.hexdigest()[:16]


def _parse(settings: Settings, project: Project, stale: Mapping[str, str]) -> None:
    from orchestration.warehouse.runner import invoke

    with workspace(settings.prepare(), "dbt-parse") as folder:
        source = settings.dbt_project_dir
        if stale:
            source = folder / "project"
            shutil.copytree(
                settings.dbt_project_dir, source, ignore=shutil.ignore_patterns(*_LEFT_OUT)
            )
            write_generated(source, stale)
        target = folder / "target"
        target.mkdir()
        outcome = invoke(source, ["parse"], target=target)
        if not outcome.success:
            raise ModelFault(f"the dbt project cannot be parsed: {outcome.error}")
        fresh = project.kept.with_name(f"{project.kept.name}.{os.getpid()}")
        fresh.mkdir(parents=True)
        for name in (_MANIFEST, _PARSED):
            shutil.copyfile(target / name, fresh / name)
        if stale:
            shutil.copytree(source, fresh / "project")
        try:
            fresh.rename(project.kept)
        except OSError:
            # Another process was quicker.
            shutil.rmtree(fresh)

"""The dbt project as this process sees it: its manifest and the dataset files as dbt variables.

The manifest is parsed once per state of the project and the dataset files and kept under
`SUMMERWARE_HOME`, so that a copy of the project, or an edit, is never run with an old manifest.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.dataset import LINK, Dataset
from orchestration.errors import ModelFault
from orchestration.layers import workspace
from orchestration.scanning.scanned import scanned_columns
from orchestration.settings import Settings
from orchestration.times import time_form
from orchestration.unseen import NO_TEXT_RE2


def dbt_variables(datasets: Mapping[str, Dataset]) -> dict[str, Any]:
    """What the models ask of the dataset files and of `unseen.py`, as plain values."""
    return {
        "datasets": {name: _dataset(dataset) for name, dataset in datasets.items()},
        "no_text": NO_TEXT_RE2,
    }


def _dataset(dataset: Dataset) -> dict[str, Any]:
    columns = [column.name for column in dataset.columns]
    scanned = scanned_columns(dataset)
    return {
        "key": dataset.key,
        "version_order": list(dataset.version_order),
        "grain": {"published": dataset.grain.published},
        "links": LINK in columns,
        "people_may_merge": bool(dataset.duplicates and dataset.duplicates.people_may_merge),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "privacy": column.privacy,
                "volatile": column.volatile,
                "survivorship": column.survivorship,
                "formats": [{"format": one, "form": time_form(one)} for one in column.formats],
                "landed": column.source is not None,
                "spelled": column.spelling is not None,
                "list": column.list
                and {
                    "separator": column.list.separator,
                    "mark": column.list.mark,
                    "places": column.list.places,
                    "set": column.list.set,
                },
                "scanned": column in scanned,
            }
            for column in dataset.columns
            if column.privacy != "never" and column.name != LINK
        ],
        "deciding": list(dataset.deciding),
        "policies": [
            {
                "id": policy.id,
                "action": policy.action,
                "redacts": list(policy.redacts),
            }
            for policy in dataset.policies
        ],
    }


def project_hash(settings: Settings, datasets: Mapping[str, Dataset]) -> str:
    """Changes whenever a model, a macro, a seed or what dbt knows of a dataset file does."""
    digest = hashlib.sha256(json.dumps(dbt_variables(datasets), sort_keys=True).encode())
    root = settings.dbt_project_dir
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] not in ("target", "logs"):
            digest.update(f"\n{inside} ".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def manifest_path(settings: Settings, datasets: Mapping[str, Dataset]) -> Path:
    """The manifest of the project as it is now, parsed if it has not been yet.

    Raises:
        ModelFault: dbt cannot parse the project.
    """
    kept = settings.home / "dbt" / project_hash(settings, datasets) / "manifest.json"
    if not kept.is_file():
        from orchestration.warehouse.runner import invoke

        with workspace(settings.prepare(), "dbt-parse") as folder:
            outcome = invoke(
                settings,
                ["parse", "--vars", json.dumps(dbt_variables(datasets))],
                target=folder,
            )
            if not outcome.success:
                raise ModelFault(f"the dbt project cannot be parsed: {outcome.error}")
            kept.parent.mkdir(parents=True, exist_ok=True)
            fresh = kept.with_name(f"manifest.{os.getpid()}.json")
            shutil.copyfile(folder / "manifest.json", fresh)
            fresh.rename(kept)
    return kept


def read_models(manifest: Path) -> dict[str, dict[str, Any]]:
    """The models of a manifest by name, as dbt describes them, read without dbt."""
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    return {node["name"]: node for node in nodes.values() if node["resource_type"] == "model"}

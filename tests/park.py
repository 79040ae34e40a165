"""A home with one small dataset, its suites, its layers and its real local portal.

Gate records are written straight into the state: what makes a gate pass is tested with the gates.
The portal is read and edited over HTTP as anybody else would.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import requests
import yaml

from orchestration.classification.in_force import classes_in_force
from orchestration.dataset import Dataset, load_dataset
from orchestration.gates.rule_hashes import suite_hash
from orchestration.gates.suites import SUITES
from orchestration.layers import finish_layer, workspace
from orchestration.portal.server import PortalServer, running_address
from orchestration.publishing.adoption import settle_edits
from orchestration.publishing.baseline import Edits
from orchestration.publishing.publisher import (
    Outcome,
    open_publisher,
    override,
    publish,
    release,
    rollback,
)
from orchestration.publishing.targets import open_target
from orchestration.publishing.transport.soda import TYPES
from orchestration.settings import Settings
from orchestration.state.publishing import PublishingStore, Receipt
from orchestration.state.store import GateRecord, Layer, Publication, State, now
from tests.suite_files import rule, write_suite
from tests.unit.publishing.conftest import (
    Row,
    tree,
    trees_file,
    write_corrections,
    write_ledger,
    write_rows,
    write_staged,
)

DAY = "2022-09-10T00:00:00"
BEFORE, AFTER = "2022-09-09T00:00:00", "2022-09-11T00:00:00"
OAKS = [tree("T1"), tree("T2", height_feet=3.5), tree("T3")]
_FILES = {"raw": "rows", "standardized": "stg_trees", "deduplicated": "trees"}


class Killed(BaseException):
    """The process dies here: nothing in the code may catch it."""


class Park:
    """A home with one dataset, its suites, its layers and its portal."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        state: State,
        portal: PortalServer,
        *,
        first_run: int = 1,
    ) -> None:
        self.portal = portal
        self.settings = replace(
            settings, datasets_dir=folder / "datasets", expectations_dir=folder / "expectations"
        )
        self.state = state
        self._runs = itertools.count(first_run)
        for suite in SUITES.values():
            self.write_suite(suite)
        self.write_dataset()

    def write_dataset(self, **changes: Any) -> None:
        """Replaces the dataset file."""
        path = self.settings.datasets_dir / "trees.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(trees_file(**changes)))
        self.dataset: Dataset = load_dataset(path)

    def write_suite(self, suite: str, rule_id: str | None = None) -> Path:
        """Replaces a suite by one without rules, or with one of this name."""
        rules = (
            [rule("expect_column_to_exist", "table", rule_id, column="tree_id")] if rule_id else []
        )
        return write_suite(self.settings.expectations_dir, "trees", suite, *rules)

    def layer(
        self,
        rows: Sequence[Row],
        *,
        extracted_at: str = DAY,
        source: str = "files",
        fates: Mapping[str, str] | None = None,
        grain: str = "tree",
        corrections: Sequence[Sequence[Any]] = (),
        protected: Mapping[str, str] | None = None,
    ) -> Layer:
        """A deduplicated layer and those above it, without gate records.

        `protected` are keys whose newest line is covered by policies, or `unclassified`.
        """
        run_id = f"run-{next(self._runs)}"
        facts = {
            "extracted_at": extracted_at,
            "source": source,
            "extracts": [extracted_at],
            "grain": grain,
        }
        found: Layer | None = None
        for name in SUITES:
            with workspace(self.settings, run_id, name) as folder:
                files = [write_rows(folder / f"{_FILES[name]}.parquet", self.dataset, rows)]
                if name == "standardized" and self.dataset.deciding:
                    write_staged(files[0], extracted_at, rows, protected or {})
                if name == "standardized":
                    path = folder / "corrections_trees.parquet"
                    files.append(write_corrections(path, corrections, of="lines"))
                if name == "deduplicated":
                    files.append(write_ledger(folder / "ledger_trees.parquet", fates or {}))
                    path = folder / "decided_cells_trees.parquet"
                    files.append(write_corrections(path, (), of="keys"))
                found = finish_layer(
                    self.settings, self.state, dataset="trees", layer=name, run_id=run_id,
                    upstream=found, files=files, facts=facts,
                )  # fmt: skip
        assert found is not None
        return found

    def passed(self, layer: Layer, *, verdict: str = "passed", only: str | None = None) -> Layer:
        """Records a verdict for a layer and all above it, or for one of them."""
        upstream: Layer | None = layer
        while upstream is not None:
            if only in (None, upstream.layer):
                self.state.add_gate_record(
                    GateRecord(
                        dataset="trees", layer=upstream.layer, content_hash=upstream.content_hash,
                        suite_hash=suite_hash(
                            self.settings,
                            self.dataset,
                            upstream.layer,
                            classes=classes_in_force(
                                self.settings, self.state, self.dataset
                            ).hash,
                        ),
                        verdict=verdict, rows=1, quarantined=0, quarantine_path=None,
                        run_id=layer.run_id, results=[], recorded_at=now(),
                    )
                )  # fmt: skip
            above = upstream.upstream_id
            upstream = self.state.layer(above) if above else None
        return layer

    def publish(self, layer: Layer, **options: Any) -> Outcome:
        run_id = f"run-{next(self._runs)}"
        return publish(self.settings, self.state, self.dataset, layer, run_id=run_id, **options)

    def publish_rows(self, rows: Sequence[Row], **facts: Any) -> Outcome:
        """Publishes rows that passed all their gates."""
        return self.publish(self.passed(self.layer(rows, **facts)))

    def release(self, publication_id: str | None, *, by: str = "Ann") -> Outcome:
        assert publication_id is not None
        return release(self.settings, self.state, self.dataset, publication_id, by=by)

    def override(self, publication_id: str, *, by: str = "Ann", reason: str = "it is so") -> None:
        override(self.settings, self.state, self.dataset, publication_id, by=by, reason=reason)

    def rollback(self, to: str | None, **options: Any) -> Outcome:
        assert to is not None
        run_id = f"run-{next(self._runs)}"
        options = {"by": "Ann", "reason": "wrong extract", **options}
        return rollback(self.settings, self.state, self.dataset, to, run_id=run_id, **options)

    def edits(self, *, keep: str | None = None) -> Edits:
        with open_publisher(self.settings, self.state, self.dataset) as publisher:
            run_id = f"run-{next(self._runs)}"
            return settle_edits(publisher, keep=keep, by="Ann", reason="seen", run_id=run_id)

    def receipts(self) -> list[Receipt]:
        return PublishingStore(self.state).receipts("trees")

    # The portal, as anybody else sees it

    def http(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request of somebody else's tool."""
        address = running_address(self.settings.portal_home)
        answer = requests.request(
            method, f"http://{address}{path}", auth=("local", "local"), timeout=60, **options
        )
        answer.raise_for_status()
        return answer

    def portal_id(self, partition: str = "") -> str:
        found = self.state.portal_ids("local", "trees").get(partition)
        assert found is not None
        return found

    def make_on_portal(self, rows: Sequence[Row] = ()) -> str:
        """A dataset of the right shape that somebody else made and filled."""
        with open_target(self.settings, self.dataset) as target:
            portal_id = target.transport.create(self.dataset, title="Theirs")
        if rows:
            self.upsert(rows, portal_id)
        return portal_id

    def make_unkeyed(
        self,
        rows: Sequence[Row] = (),
        *,
        more: Sequence[str] = (),
        identifier: str | None = None,
        partition: str = "",
    ) -> str:
        """One without a row identifier, or with another one, where this dataset goes from now on.

        `more` are text columns that are not ours.
        """
        kinds = {column.name: TYPES[column.type] for column in self.dataset.published}
        columns = [
            {"fieldName": name, "name": name, "dataTypeName": kind}
            for name, kind in (kinds | dict.fromkeys(more, "text")).items()
        ]
        metadata = {"rowIdentifier": identifier} if identifier else {}
        theirs = {"name": "Theirs", "columns": columns, "metadata": metadata}
        made = self.http("POST", "/api/views.json", json=theirs)
        portal_id = str(made.json()["id"])
        self.http("POST", f"/api/views/{portal_id}/publication.json")
        permission = {"method": "setPermission", "value": "public.read"}
        self.http("PUT", f"/api/views/{portal_id}.json", params=permission)
        self.state.set_portal_id("local", "trees", partition, portal_id)
        if rows:
            self.upsert(rows, portal_id)
        return portal_id

    def upsert(self, rows: Sequence[Row], portal_id: str | None = None) -> None:
        """Somebody changes the dataset on the portal by hand."""
        names = [column.name for column in self.dataset.published]
        whole = [{name: as_json(row[name]) for name in names} for row in rows]
        self.http("POST", f"/resource/{portal_id or self.portal_id()}.json", json=whole)

    def delete(self, *keys: str) -> None:
        """Somebody deletes rows on the portal by hand."""
        gone = [{self.dataset.key: key, ":deleted": True} for key in keys]
        self.http("POST", f"/resource/{self.portal_id()}.json", json=gone)

    def on_portal(self, portal_id: str | None = None) -> dict[str, dict[str, Any]]:
        """What the portal holds, by key, in the shape of `tree`."""
        found = self.http(
            "GET",
            f"/resource/{portal_id or self.portal_id()}.json",
            params={"$limit": 50_000, "$order": ":id"},
        ).json()
        columns = self.dataset.published
        rows = [{c.name: _read(c.type, row.get(c.name)) for c in columns} for row in found]
        keys = [row[self.dataset.key] for row in rows]
        assert len(set(keys)) == len(keys)
        return dict(zip(keys, rows, strict=True))

    def publications(self, *states: str) -> list[Publication]:
        return self.state.publications("trees", states=states or None)

    def states(self) -> list[str]:
        return [publication.state for publication in self.publications()]


def as_json(value: Any) -> Any:
    """A cell as a tool of today would send it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000"
    return value


def _read(kind: str, value: Any) -> Any:
    """A cell of the portal's JSON as a plain value."""
    if value is None:
        return None
    if kind == "number":
        return float(value)
    if kind == "timestamp":
        return datetime.fromisoformat(value)
    if kind == "date":
        return date.fromisoformat(value[:10])
    if kind == "point":
        longitude, latitude = value["coordinates"]
        return f"POINT ({longitude!r} {latitude!r})"
    return value

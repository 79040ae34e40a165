"""Publications of a small dataset to the real local portal: what may go, what goes, what is proven.

Gate records are written straight into the state: what makes a gate pass is tested with the gates.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sodapy import Socrata

from orchestration.dataset import Dataset, load_dataset
from orchestration.errors import GateNotPassed, PassingFault, PortalFault, PublicationRefused
from orchestration.gates.suites import SUITES, suite_hash
from orchestration.layers import finish_layer, layer_file, workspace
from orchestration.portal.server import PortalServer
from orchestration.publishing import publisher
from orchestration.publishing.publisher import Outcome, publish, release
from orchestration.publishing.targets import Target, open_target
from orchestration.publishing.transport import Answer, SodaTransport
from orchestration.publishing.transport.values import as_portal_value
from orchestration.settings import Settings
from orchestration.state.store import GateRecord, Layer, Publication, State, now
from tests.unit.publishing.conftest import (
    Row,
    read_rows,
    tree,
    trees_file,
    write_ledger,
    write_rows,
)

DAY = "2022-09-10T00:00:00"
BEFORE, AFTER = "2022-09-09T00:00:00", "2022-09-11T00:00:00"
OAKS = [tree("T1"), tree("T2", height_feet=3.5), tree("T3")]


class Killed(BaseException):
    """The process dies here: nothing in the code may catch it."""


class Park:
    """A home with one dataset, its suites, its layers and its portal."""

    def __init__(self, folder: Path, settings: Settings, state: State) -> None:
        self._folder = folder
        self.settings = replace(
            settings, datasets_dir=folder / "datasets", expectations_dir=folder / "expectations"
        )
        self.state = state
        self._runs = itertools.count(1)
        for suite in SUITES.values():
            self.write_suite(suite)
        self.write_dataset()

    def write_dataset(self, **changes: Any) -> None:
        """Replaces the dataset file."""
        path = self.settings.datasets_dir / "trees.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(trees_file(**changes)))
        self.dataset: Dataset = load_dataset(path)

    def write_suite(self, suite: str, remark: str = "") -> None:
        """Replaces a suite."""
        path = self.settings.expectations_dir / "trees" / f"{suite}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"rules: []  # {remark}\n")

    def layer(
        self,
        rows: Sequence[Row],
        *,
        extracted_at: str = DAY,
        source: str = "files",
        fates: Mapping[str, str] | None = None,
    ) -> Layer:
        """A deduplicated layer and those above it, without gate records."""
        run_id = f"run-{next(self._runs)}"
        facts = {"extracted_at": extracted_at, "source": source, "extracts": [extracted_at]}
        found: Layer | None = None
        for name in SUITES:
            with workspace(self.settings, run_id, name) as folder:
                files = [write_rows(folder / f"{_FILES[name]}.parquet", self.dataset, rows)]
                if name == "deduplicated":
                    files.append(write_ledger(folder / "ledger_trees.parquet", fates or {}))
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
                        suite_hash=suite_hash(self.settings, self.dataset, upstream.layer),
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

    @contextmanager
    def transport(self) -> Iterator[SodaTransport]:
        with open_target(self.settings, self.dataset) as target:
            yield target.transport

    def portal_id(self, partition: str = "") -> str:
        found = self.state.portal_id("local", "trees", partition)
        assert found is not None
        return found

    def make_on_portal(self, rows: Sequence[Row] = ()) -> str:
        """A dataset of the right shape that somebody else made and filled."""
        with self.transport() as transport:
            portal_id = transport.create(self.dataset, title="Theirs")
            self._upsert(transport, portal_id, rows)
        return portal_id

    def upsert(self, rows: Sequence[Row]) -> None:
        """Somebody changes our dataset on the portal by hand."""
        with self.transport() as transport:
            self._upsert(transport, self.portal_id(), rows)

    def _upsert(self, transport: SodaTransport, portal_id: str, rows: Sequence[Row]) -> None:
        columns = self.dataset.published
        if rows:
            whole = [{c.name: as_portal_value(c, row[c.name]) for c in columns} for row in rows]
            transport.upsert(portal_id, json.dumps(whole).encode(), len(whole))

    def on_portal(self, portal_id: str | None = None) -> dict[str, dict[str, Any]]:
        """What the portal holds, by key, in the shape of `tree`."""
        columns = self.dataset.published
        with self.transport() as transport:
            pages = list(transport.rows(portal_id or self.portal_id(), columns, order="tree_id"))
        found = [row for page in pages for row in page.to_pylist()]
        assert len({row["tree_id"] for row in found}) == len(found)
        return {row["tree_id"]: row for row in found}

    def publications(self, *states: str) -> list[Publication]:
        return self.state.publications("trees", states=states or None)

    def states(self) -> list[str]:
        return [publication.state for publication in self.publications()]


_FILES = {"raw": "rows", "standardized": "stg_trees", "deduplicated": "trees"}


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    """One portal for the whole test: `open_target` finds it by the home."""
    with PortalServer(settings.portal_home):
        yield Park(tmp_path, settings, state)


class Writes:
    """What was sent to the portal, and where the process dies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[list[str]] = []
        self.fails_at: int | None = None
        self.fault: BaseException = Killed()
        self.is_taken = True
        self._send = SodaTransport.upsert
        writes = self

        # Spies on the real transport: what is killed or refused cannot be had from a good portal.
        def send(transport: SodaTransport, portal_id: str, body: bytes, rows: int) -> Answer:
            fails = len(writes.rows) == writes.fails_at
            if fails and not writes.is_taken:
                raise writes.fault
            answer = writes._send(transport, portal_id, body, rows)
            if fails:
                raise writes.fault
            writes.rows.append([str(row["tree_id"]) for row in json.loads(body)])
            return answer

        monkeypatch.setattr(SodaTransport, "upsert", send)

    def fail(self, *, after: int, with_: BaseException | None = None, taken: bool = True) -> None:
        """The write after so many fails, once the portal has taken it or before."""
        self.fails_at, self.fault, self.is_taken = after, with_ or Killed(), taken

    def recover(self) -> None:
        self.fails_at = None
        self.rows.clear()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    return Writes(monkeypatch)


# What goes


def test_first_publication_makes_the_dataset(park: Park) -> None:
    """The dataset is created, every row sent, the count verified, and all of it is recorded."""
    outcome = park.publish_rows(OAKS)
    assert outcome.state == "verified"
    assert park.on_portal() == {row["tree_id"]: row for row in OAKS}
    (publication,) = park.publications()
    assert (publication.state, publication.id) == ("verified", outcome.publication_id)
    assert publication.released_by == publisher.AUTOMATIC
    assert publication.plan["inserts"] == publication.plan["rows"] == 3
    assert all((publication.released_at, publication.sent_at, publication.verified_at))


def test_second_time_writes_nothing(park: Park, writes: Writes) -> None:
    """Law 6, also for the same rows in a layer of another run."""
    park.publish_rows(OAKS)
    writes.recover()
    outcome = park.publish_rows(OAKS[::-1])
    assert (outcome.state, writes.rows) == ("unchanged", [])
    assert park.states() == ["verified", "unchanged"]


def test_only_differences_are_sent(park: Park, writes: Writes) -> None:
    """Inserts, updates and deletes arrive; the row that is equal is not sent again."""
    park.publish_rows(OAKS)
    writes.recover()
    after = [tree("T1"), tree("T2", species="elm"), tree("T4")]
    plan = park.publish_rows(after, extracted_at=AFTER).plan
    assert plan is not None
    assert (plan.inserts, plan.updates, plan.deletes, plan.unchanged) == (1, 1, 1, 1)
    assert writes.rows == [["T2", "T4"], ["T3"]]
    assert park.on_portal() == {row["tree_id"]: row for row in after}


def test_every_type_comes_back_equal(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 6 without our memory: read back from the portal, the rows are what was sent."""
    rows = [
        tree("T1", species="Châtaignier 'x' \"y\" \\ 栗 🌳", height_feet=12.25, age_years=3,
             planted_at=datetime(2022, 3, 4, 5, 6, 7, 890_000), surveyed_date=date(2024, 2, 29),
             is_alive=True, place="POINT (-90.0715 29.9511)"),
        tree("T2", height_feet=1e-7, is_alive=False, place="POINT (-90.5 30.25)"),
        tree("T3", species=None),
    ]  # fmt: skip
    park.publish_rows(rows)
    # As after the loss of the state database: the portal's rows are all there is.
    monkeypatch.setattr(publisher, "_last_finished", lambda *_: None)
    assert park.publish_rows(rows).state == "unchanged"


def test_many_chunks_are_numbered_and_acknowledged(
    park: Park, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than one request takes: each goes once, in the order of the keys."""
    monkeypatch.setattr(publisher, "CHUNK_ROWS", 2)
    outcome = park.publish_rows([tree(f"T{number}") for number in (4, 3, 2, 1, 0)])
    assert writes.rows == [["T0", "T1"], ["T2", "T3"], ["T4"]]
    assert outcome.publication_id is not None
    assert park.state.acknowledged_chunks(outcome.publication_id) == {0, 1, 2}


def test_each_partition_has_its_own_dataset(park: Park) -> None:
    """A row whose year changes leaves one dataset and stands in the other."""
    park.write_dataset(publish={"partition": {"column": "planted_at", "ids": {2020: "year-2020"}}})
    early, late = datetime(2020, 1, 1), datetime(2021, 1, 1)
    park.publish_rows([tree("T1", planted_at=early), tree("T2", planted_at=early)])
    park.publish_rows(
        [tree("T1", planted_at=late), tree("T2", planted_at=early)], extracted_at=AFTER
    )
    assert list(park.on_portal(park.portal_id("2020"))) == ["T2"]
    assert list(park.on_portal(park.portal_id("2021"))) == ["T1"]


def test_held_back_row_stays_on_the_portal(park: Park) -> None:
    """A quarantined key keeps its last published values; a withheld one goes."""
    park.publish_rows(OAKS)
    fates = {"T1": "quarantined", "T2": "withheld", "T3": "published"}
    outcome = park.publish_rows([tree("T3")], extracted_at=AFTER, fates=fates)
    assert outcome.plan is not None
    assert (outcome.plan.held_back, outcome.plan.deletes) == (1, 1)
    assert set(park.on_portal()) == {"T1", "T3"}


def test_dry_run_sends_and_records_nothing(park: Park, writes: Writes) -> None:
    """It says what would be sent."""
    layer = park.passed(park.layer(OAKS))
    outcome = park.publish(layer, dry_run=True)
    assert (outcome.state, outcome.plan and outcome.plan.inserts) == ("planned", 3)
    assert (writes.rows, park.publications()) == ([], [])


def test_dry_run_does_not_finish_what_a_dead_one_left(park: Park, writes: Writes) -> None:
    """A dry run after a crash plans against the portal's rows and leaves the rest to a real run."""
    writes.fail(after=0, taken=False)
    layer = park.passed(park.layer(OAKS))
    with pytest.raises(Killed):
        park.publish(layer)
    writes.recover()
    assert park.publish(layer, dry_run=True).state == "planned"
    assert (writes.rows, park.states()) == ([], ["released"])


# What may not go


def _without_record(park: Park) -> Layer:
    return park.layer(OAKS)


def _without_upstream_record(park: Park) -> Layer:
    layer = park.layer(OAKS)
    park.passed(layer, only="deduplicated")
    return park.passed(layer, only="raw")


def _failed(park: Park) -> Layer:
    return park.passed(park.passed(park.layer(OAKS)), verdict="failed", only="deduplicated")


def _broken(park: Park) -> Layer:
    return park.passed(park.passed(park.layer(OAKS)), verdict="broken", only="raw")


def _record_for_other_content(park: Park) -> Layer:
    park.passed(park.layer(OAKS))
    return park.layer([*OAKS, tree("T4")])


def _record_under_an_old_suite(park: Park) -> Layer:
    layer = park.passed(park.layer(OAKS))
    park.write_suite("publishable", "a new rule")
    return layer


def _record_under_an_old_dataset_file(park: Park) -> Layer:
    layer = park.passed(park.layer(OAKS))
    park.write_dataset(title="Trees and shrubs")
    return layer


def _changed_on_disk(park: Park) -> Layer:
    layer = park.passed(park.layer(OAKS))
    write_rows(layer_file(park.settings, layer, "trees"), park.dataset, OAKS[:2])
    return layer


def _file_added(park: Park) -> Layer:
    layer = park.passed(park.layer(OAKS))
    write_rows(layer_file(park.settings, layer, "more"), park.dataset, OAKS[:1])
    return layer


@pytest.mark.parametrize(
    "make",
    [
        _without_record,
        _without_upstream_record,
        _failed,
        _broken,
        _record_for_other_content,
        _record_under_an_old_suite,
        _record_under_an_old_dataset_file,
        _changed_on_disk,
        _file_added,
    ],
)
def test_no_pass_no_publish(park: Park, writes: Writes, make: Any) -> None:
    """Law 2: a pass is for this content, under these rules, for all upstream of it."""
    layer = make(park)
    with pytest.raises(GateNotPassed, match="trees"):
        park.publish(layer)
    assert (writes.rows, park.publications()) == ([], [])


def test_older_extract_never_goes_over_a_newer_one(park: Park, writes: Writes) -> None:
    """A rerun of yesterday's layer is superseded, not published."""
    park.publish_rows(OAKS)
    writes.recover()
    outcome = park.publish_rows(OAKS[:1], extracted_at=BEFORE)
    assert (outcome.state, outcome.publication_id, writes.rows) == ("superseded", None, [])


@pytest.mark.parametrize(("first", "second"), [("files", "sample"), ("sample", "socrata")])
def test_other_source_is_refused(park: Park, writes: Writes, first: str, second: str) -> None:
    """Sample rows never go over real ones, nor real ones over them."""
    park.publish_rows(OAKS, source=first)
    writes.recover()
    with pytest.raises(PublicationRefused, match=f"{first}.*{second}"):
        park.publish_rows(OAKS[:1], source=second)
    assert writes.rows == []


@pytest.fixture
def live(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local portal posing as a live one: no test may reach a real one."""

    @contextmanager
    def open_live(settings: Settings, dataset: Dataset) -> Iterator[Target]:
        with open_target(settings, dataset) as target:
            yield replace(target, name=dataset.publish.domain, is_live=True)

    monkeypatch.setattr(publisher, "open_target", open_live)


@pytest.mark.usefixtures("live")
def test_sample_rows_never_go_live(park: Park, writes: Writes) -> None:
    """Whatever the gates say of them."""
    with pytest.raises(PublicationRefused, match="sample"):
        park.publish_rows(OAKS, source="sample")
    assert (writes.rows, park.publications()) == ([], [])


@pytest.mark.usefixtures("live")
def test_first_live_publication_waits_for_a_yes(park: Park, writes: Writes) -> None:
    """Automatic release or not; the ones after it go by themselves."""
    park.write_dataset(publish={"id": park.make_on_portal()})
    held = park.publish_rows(OAKS)
    assert (held.state, writes.rows) == ("held", [])
    assert park.release(held.publication_id).state == "verified"
    assert park.publish_rows(OAKS[:2], extracted_at=AFTER).state == "verified"


@pytest.mark.usefixtures("live")
def test_live_portal_without_the_declared_dataset_is_refused(park: Park, writes: Writes) -> None:
    """A wrong 4x4 in the dataset file never makes a second public dataset."""
    held = park.publish_rows(OAKS)
    with pytest.raises(PublicationRefused, match="has no dataset tree-tree"):
        park.release(held.publication_id)
    assert writes.rows == []


# Release


def test_publication_is_held_until_released(park: Park, writes: Writes) -> None:
    """Law 10: nothing is sent before somebody signs, and the signature is kept."""
    park.write_dataset(release="one")
    held = park.publish_rows(OAKS)
    assert (held.state, writes.rows, park.states()) == ("held", [], ["held"])
    assert park.release(held.publication_id, by="Ann").state == "verified"
    assert set(park.on_portal()) == {"T1", "T2", "T3"}
    assert park.publications()[0].released_by == "Ann"


def test_release_is_for_one_publication_once(park: Park) -> None:
    """What is released is not held any more; what never was cannot be released."""
    park.write_dataset(release="one")
    held = park.publish_rows(OAKS)
    park.release(held.publication_id)
    for publication_id in (held.publication_id, "none"):
        with pytest.raises(PublicationRefused, match="no held publication"):
            park.release(publication_id)


@pytest.mark.parametrize("first", [0, 1], ids=["older-first", "newer-first"])
def test_release_is_refused_after_another_publication(park: Park, first: int) -> None:
    """Both plans start from the same portal: once one is sent, the other is wrong."""
    park.write_dataset(release="one")
    plans = [
        park.publish_rows([*OAKS, tree("T4")]).publication_id,
        park.publish_rows([*OAKS, tree("T5")], extracted_at=AFTER).publication_id,
    ]
    park.release(plans[first])
    held = set(park.on_portal())
    with pytest.raises(PublicationRefused, match="fresh plan"):
        park.release(plans[1 - first])
    assert set(park.on_portal()) == held


def test_release_needs_the_pass_too(park: Park, writes: Writes) -> None:
    """Rules that became stricter while it was held count."""
    park.write_dataset(release="one")
    held = park.publish_rows(OAKS)
    park.write_suite("standardized", "a new rule")
    with pytest.raises(GateNotPassed):
        park.release(held.publication_id)
    assert (writes.rows, park.states()) == ([], ["held"])


# Crashes


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_killed_publication_is_finished_by_the_next(
    park: Park, writes: Writes, monkeypatch: pytest.MonkeyPatch, after: int, taken: bool
) -> None:
    """Law 7: what was acknowledged is not sent again, the rest is, nothing stands there twice."""
    monkeypatch.setattr(publisher, "CHUNK_ROWS", 2)
    park.publish_rows([tree("T0"), tree("T9")])
    layer = park.passed(park.layer([tree(f"T{n}") for n in range(6)], extracted_at=AFTER))
    writes.recover()
    writes.fail(after=after, taken=taken)
    with pytest.raises(Killed):
        park.publish(layer)
    done = list(itertools.chain(*writes.rows))
    assert park.states() == ["verified", "released"]
    writes.recover()
    assert park.publish(layer).state == "unchanged"
    assert sorted([*done, *itertools.chain(*writes.rows)]) == ["T1", "T2", "T3", "T4", "T5", "T9"]
    assert set(park.on_portal()) == {f"T{n}" for n in range(6)}
    assert park.states() == ["verified", "verified", "unchanged"]


def test_killed_before_verifying_is_verified_by_the_next(
    park: Park, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All was sent: the next run only counts."""

    # The only place between `sent` and `verified`.
    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(publisher._Publisher, "_verify", die)
        with pytest.raises(Killed):
            park.publish_rows(OAKS)
    assert park.states() == ["sent"]
    writes.recover()
    assert park.publish_rows(OAKS).state == "unchanged"
    assert (writes.rows, park.states()) == ([], ["verified", "unchanged"])


def test_what_was_only_planned_is_abandoned(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody released it: the next run plans afresh."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(publisher._Publisher, "release", die)
        with pytest.raises(Killed):
            park.publish_rows(OAKS)
    assert park.states() == ["planned"]
    assert park.publish_rows(OAKS[:2]).state == "verified"
    assert park.states() == ["abandoned", "verified"]
    assert set(park.on_portal()) == {"T1", "T2"}


def test_passing_fault_leaves_the_publication_open(park: Park, writes: Writes) -> None:
    """As long as trying again may help, the released content is what is tried."""
    writes.fail(after=0, with_=PassingFault("busy"), taken=False)
    layer = park.passed(park.layer(OAKS))
    for _ in range(2):
        with pytest.raises(PassingFault):
            park.publish(layer)
    assert park.states() == ["released"]
    writes.recover()
    park.publish(layer)
    assert park.states() == ["verified", "unchanged"]


def test_publication_that_the_portal_refuses_blocks_nobody(park: Park, writes: Writes) -> None:
    """Tried once more, then given up: newer content goes from what the portal really holds."""
    park.publish_rows(OAKS)
    writes.recover()
    writes.fail(after=0, with_=PortalFault("no"))
    bad = park.passed(park.layer([tree("T1", species="elm"), *OAKS[1:]], extracted_at=AFTER))
    with pytest.raises(PortalFault):
        park.publish(bad)
    writes.fail(after=0, with_=PortalFault("no"), taken=False)

    def progress(text: str) -> None:
        if "given up" in text:
            writes.recover()

    outcome = park.publish(park.passed(park.layer(OAKS, extracted_at=AFTER)), progress=progress)
    assert park.states() == ["verified", "failed", "verified"]
    assert outcome.plan is not None
    assert outcome.plan.updates == 1
    assert park.on_portal()["T1"]["species"] == "oak"


def test_count_that_stays_wrong_blocks_nobody(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wrote to the portal between sending and counting: the next run sets it right."""
    verify = publisher._Publisher._verify

    def meddle(self: Any, plan: Any) -> None:
        park.upsert([tree("T9")])
        verify(self, plan)

    with monkeypatch.context() as patched:
        patched.setattr(publisher._Publisher, "_verify", meddle)
        with pytest.raises(PortalFault, match="holds 4 rows, but should hold 3"):
            park.publish_rows(OAKS)
    assert park.states() == ["sent"]
    assert park.publish_rows(OAKS).state == "verified"
    assert park.states() == ["failed", "verified"]
    assert set(park.on_portal()) == {"T1", "T2", "T3"}


def test_killed_release_is_finished_by_the_next(park: Park, writes: Writes) -> None:
    """The signature stands: the content is sent without a second one."""
    park.write_dataset(release="one")
    held = park.publish_rows(OAKS)
    writes.fail(after=0, taken=False)
    with pytest.raises(Killed):
        park.release(held.publication_id)
    writes.recover()
    assert park.publish_rows(OAKS).state == "unchanged"
    assert park.states() == ["verified", "unchanged"]
    assert park.publications()[0].released_by == "Ann"


def test_older_release_never_goes_over_a_newer_one(park: Park, writes: Writes) -> None:
    """What a dead process left of one release is finished before another is judged."""
    park.write_dataset(release="one")
    first = park.publish_rows([*OAKS, tree("T4")])
    second = park.publish_rows([*OAKS, tree("T5")], extracted_at=AFTER)
    writes.fail(after=0, taken=False)
    with pytest.raises(Killed):
        park.release(second.publication_id)
    writes.recover()
    with pytest.raises(PublicationRefused, match="fresh plan"):
        park.release(first.publication_id)
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T5"}


def test_partition_that_should_be_empty_is_counted_too(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portal that says it deleted and did not is found out."""
    park.write_dataset(publish={"partition": {"column": "planted_at", "ids": {2020: "year-2020"}}})
    park.publish_rows([tree("T1", planted_at=datetime(2020, 1, 1))])
    # No portal lies on request.
    monkeypatch.setattr(SodaTransport, "delete", lambda *_: Answer(deleted=1))
    with pytest.raises(PortalFault, match="holds 1 rows, but should hold 0"):
        park.publish_rows([tree("T1", planted_at=datetime(2021, 1, 1))], extracted_at=AFTER)


def test_column_unlisted_since_is_not_sent_by_a_finished_publication(
    park: Park, writes: Writes
) -> None:
    """Law 3 holds for what a dead process released under an older dataset file."""
    writes.fail(after=0, taken=False)
    with pytest.raises(Killed):
        park.publish_rows(OAKS)
    writes.recover()
    park.write_dataset(leave_out=["species"])
    park.publish_rows([{k: v for k, v in row.items() if k != "species"} for row in OAKS])
    assert park.states() == ["failed", "verified"]
    assert {row["species"] for row in _with_species(park)} == {None}


def _with_species(park: Park) -> list[dict[str, Any]]:
    portal_id = park.portal_id()
    park.write_dataset()
    return list(park.on_portal(portal_id).values())


# What the portal held before


def test_rows_that_were_there_are_the_baseline(park: Park, writes: Writes) -> None:
    """Without a memory of our own, what the portal holds is compared and never repeated."""
    portal_id = park.make_on_portal([tree("T1"), tree("T2", species="elm"), tree("T0")])
    park.write_dataset(publish={"id": portal_id})
    writes.recover()
    outcome = park.publish_rows(OAKS)
    assert outcome.plan is not None
    assert (outcome.plan.inserts, outcome.plan.updates, outcome.plan.deletes) == (1, 1, 1)
    assert writes.rows == [["T2", "T3"], ["T0"]]
    assert park.on_portal(portal_id) == {row["tree_id"]: row for row in OAKS}


def test_empty_declared_dataset_is_filled_not_made_anew(park: Park) -> None:
    """The dataset file's own 4x4 is used where the portal has it."""
    portal_id = park.make_on_portal()
    park.write_dataset(publish={"id": portal_id})
    park.publish_rows(OAKS)
    assert park.state.portal_ids("local", "trees") == {}
    assert len(park.on_portal(portal_id)) == 3


def test_portal_that_differs_is_read_again(park: Park) -> None:
    """Rows that somebody added or removed by hand are set right."""
    park.publish_rows(OAKS)
    park.upsert([tree("T8"), tree("T9")])
    lines: list[str] = []
    outcome = park.publish(park.passed(park.layer(OAKS)), progress=lines.append)
    assert (outcome.state, outcome.plan and outcome.plan.deletes) == ("verified", 2)
    assert set(park.on_portal()) == {"T1", "T2", "T3"}
    assert any("does not hold what was last published" in line for line in lines)


def test_dataset_removed_from_the_portal_is_made_again(park: Park) -> None:
    """A local portal that was thrown away gets everything once more."""
    park.publish_rows(OAKS)
    old = park.portal_id()
    with park.transport() as transport:
        # The client itself refuses to drop a dataset.
        Socrata.delete(transport._client, old)
    assert park.publish_rows(OAKS).state == "verified"
    assert park.portal_id() != old
    assert len(park.on_portal()) == 3


def _lacking_a_column(park: Park) -> str:
    park.write_dataset(leave_out=["place"])
    portal_id = park.make_on_portal()
    park.write_dataset(publish={"id": portal_id})
    return "lacks the columns place"


def _with_another_key(park: Park) -> str:
    park.write_dataset(key="species")
    portal_id = park.make_on_portal()
    park.write_dataset(publish={"id": portal_id})
    return "row identifier"


@pytest.mark.parametrize("make", [_lacking_a_column, _with_another_key])
def test_dataset_of_another_shape_is_refused(park: Park, writes: Writes, make: Any) -> None:
    """Before anything is planned, so that nothing is left to finish."""
    message = make(park)
    for _ in range(2):
        with pytest.raises(PublicationRefused, match=message):
            park.publish_rows(OAKS)
    assert (writes.rows, park.publications()) == ([], [])


def test_column_newly_listed_asks_for_it_on_the_portal(park: Park) -> None:
    """Our own dataset from before the column is refused with what to do, not half written."""
    park.write_dataset(leave_out=["place"])
    park.publish_rows([{k: v for k, v in row.items() if k != "place"} for row in OAKS])
    park.write_dataset()
    with pytest.raises(PublicationRefused, match="place; add them on the portal"):
        park.publish_rows(OAKS)
    assert park.states() == ["verified"]


# What is kept


def test_files_and_journal_tell_the_publication(park: Park) -> None:
    """The snapshot is what the portal holds; the plan in the journal is plain JSON."""
    outcome = park.publish_rows(OAKS)
    (publication,) = park.publications()
    snapshot = read_rows(park.settings.home / publication.path / "snapshot.parquet")
    assert [row["tree_id"] for row in snapshot] == ["T1", "T2", "T3"]
    assert outcome.plan is not None
    assert json.loads(json.dumps(publication.plan))["rows"] == outcome.plan.rows
    assert (publication.plan["source"], publication.newest_extract_at) == ("files", DAY)

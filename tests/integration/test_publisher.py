"""Publications of a small dataset to the real local portal: what may go, what goes, what is proven.

Gate records are written straight into the state: what makes a gate pass is tested with the gates.
"""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from sodapy import Socrata

from orchestration import errors, reports
from orchestration.dataset import Dataset
from orchestration.errors import (
    ExternalEdit,
    GateNotPassed,
    GuardTripped,
    NotVerified,
    PortalFault,
    PublicationRefused,
    TransientError,
)
from orchestration.gates.suites import SUITES, suite_path
from orchestration.layers import layer_file, snapshot_file
from orchestration.portal.faults import Fault
from orchestration.portal.server import PortalServer
from orchestration.publishing import delivery, proving, publisher, retry, verification
from orchestration.publishing.inspection import verify_portal
from orchestration.publishing.journal import Journal
from orchestration.publishing.publisher import open_publisher
from orchestration.publishing.targets import Target, open_target
from orchestration.publishing.transport import Answer, SodaTransport
from orchestration.publishing.verification import Verifier
from orchestration.settings import Settings
from orchestration.state.publishing import PublishingStore
from orchestration.state.store import Layer, State
from orchestration.upgrading.suites import upgrade_suites
from tests.park import AFTER, BEFORE, DAY, OAKS, Killed, Park
from tests.unit.publishing.conftest import read_rows, tree, write_rows


@pytest.fixture
def park(tmp_path: Path, settings: Settings, state: State) -> Iterator[Park]:
    """One portal for the whole test: `open_target` finds it by the home."""
    with PortalServer(settings.portal_home) as portal:
        yield Park(tmp_path, settings, state, portal)


@pytest.fixture
def home_portal(park: Park) -> PortalServer:
    """The portal itself, for its faults."""
    return park.portal


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
        monkeypatch.setattr(
            delivery, "PATIENCE", retry.RetryPolicy(attempts=2, sleep=lambda _: None)
        )

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
    after = [tree("T1"), tree("T2", species="elm", height_feet=3.5), tree("T4")]
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
    monkeypatch.setattr(Journal, "last_finished", lambda _: None)
    assert park.publish_rows(rows).state == "unchanged"


def test_many_chunks_are_numbered_and_acknowledged(
    park: Park, writes: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than one request takes: each goes once, in the order of the keys."""
    monkeypatch.setattr(delivery, "CHUNK_ROWS", 2)
    outcome = park.publish_rows([tree(f"T{number}") for number in (4, 3, 2, 1, 0)])
    assert writes.rows == [["T0", "T1"], ["T2", "T3"], ["T4"]]
    assert outcome.publication_id is not None
    chunks = park.state.chunks(outcome.publication_id)
    assert [(chunk.id.number, chunk.is_done) for chunk in chunks] == [
        (0, True),
        (1, True),
        (2, True),
    ]


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
    park.publish_rows([tree("T1"), tree("T2"), tree("T3")])
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
    park.write_suite("publishable", "a_new_rule")
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
    def open_live(settings: Settings, dataset: Dataset, **_: Any) -> Iterator[Target]:
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
    park.write_suite("standardized", "a_new_rule")
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
    monkeypatch.setattr(delivery, "CHUNK_ROWS", 2)
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
        patched.setattr(delivery.Delivery, "_prove", die)
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
        patched.setattr(publisher.Publisher, "_released", die)
        with pytest.raises(Killed):
            park.publish_rows(OAKS)
    assert park.states() == ["planned"]
    assert park.publish_rows(OAKS[:2]).state == "verified"
    assert park.states() == ["abandoned", "verified"]
    assert set(park.on_portal()) == {"T1", "T2"}


def test_passing_fault_leaves_the_publication_open(park: Park, writes: Writes) -> None:
    """As long as trying again may help, the released content is what is tried."""
    writes.fail(after=0, with_=TransientError("busy"), taken=False)
    layer = park.passed(park.layer(OAKS))
    for _ in range(2):
        with pytest.raises(TransientError):
            park.publish(layer)
    assert park.states() == ["released"]
    writes.recover()
    park.publish(layer)
    assert park.states() == ["verified", "unchanged"]


def test_publication_that_the_portal_refuses_blocks_nobody(park: Park, writes: Writes) -> None:
    """It has failed and says why; newer content goes from what the portal really holds."""
    park.publish_rows(OAKS)
    writes.recover()
    writes.fail(after=0, with_=PortalFault("no"))
    bad = park.passed(park.layer([tree("T1", species="elm"), *OAKS[1:]], extracted_at=AFTER))
    with pytest.raises(PortalFault):
        park.publish(bad)
    assert [one.failure for one in park.publications("failed")] == ["no"]
    writes.recover()
    outcome = park.publish(park.passed(park.layer(OAKS, extracted_at=AFTER)))
    assert park.states() == ["verified", "failed", "verified"]
    assert outcome.plan is not None
    assert outcome.plan.updates == 1
    assert park.on_portal()["T1"]["species"] == "oak"


def test_error_of_the_database_ends_it_without_a_cell(
    park: Park, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops no later run, its words quote nothing, and what it sent is nobody's edit."""
    park.publish_rows(OAKS)

    def quoting(*_: Any, **__: Any) -> None:
        raise duckdb.ConversionException("Could not convert string 'a secret' to INT32")

    with monkeypatch.context() as patched:
        patched.setattr(Verifier, "verify", quoting)
        with pytest.raises(errors.Fault, match="ConversionException while") as caught:
            park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    publication = park.publications()[-1]
    assert (publication.state, park.receipts()[-1].publication_id) == ("failed", publication.id)
    assert "secret" not in str(caught.value) + str(publication.failure)
    assert caught.value.__cause__ is None
    park.publish_rows([*OAKS, tree("T4")], extracted_at=AFTER)
    assert set(park.on_portal()) == {"T1", "T2", "T3", "T4"}
    assert park.states() == ["verified", "failed", "unchanged"]


def test_count_that_is_wrong_is_no_success(park: Park, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody wrote to the portal between sending and proving: the next run sets it right."""
    verify = proving.Prover.verify

    def meddle(self: Any, *options: Any, **more: Any) -> Any:
        park.upsert([tree("T9")])
        return verify(self, *options, **more)

    with monkeypatch.context() as patched:
        patched.setattr(proving.Prover, "verify", meddle)
        with pytest.raises(PortalFault, match="rows is 4, should be 3"):
            park.publish_rows(OAKS)
    assert park.states() == ["failed"]
    assert park.publish_rows(OAKS).state == "verified"
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
    with pytest.raises(PortalFault, match="rows is 1, should be 0"):
        park.publish_rows([tree("T1", planted_at=datetime(2021, 1, 1))], extracted_at=AFTER)


def test_column_unlisted_since_is_not_sent_by_a_finished_publication(
    park: Park, writes: Writes
) -> None:
    """Law 3 holds for what a dead process released under an older dataset file."""
    writes.fail(after=0, taken=False)
    with pytest.raises(Killed):
        park.publish_rows(OAKS)
    writes.recover()
    there = {"id": "tree-tree", "other_columns": ["species"]}
    park.write_dataset(leave_out=["species"], publish=there)
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


def test_rows_changed_by_somebody_else_stop_it(park: Park, writes: Writes) -> None:
    """Who, when and which rows; nothing is sent until a person says whose are to stay."""
    park.publish_rows(OAKS)
    park.upsert([tree("T8"), tree("T1", species="elm")])
    park.delete("T3")
    writes.recover()
    told = r"written by summ-ware at 20.* UTC: rows 1 added, 1 changed, 1 deleted \(T1, T3, T8\)"
    with pytest.raises(ExternalEdit, match=told):
        park.publish_rows(OAKS, extracted_at=AFTER)
    assert (writes.rows, park.states()) == ([], ["verified"])


def test_our_rows_are_kept_where_a_person_says_so(park: Park) -> None:
    """The next run sets the portal right."""
    park.publish_rows(OAKS)
    park.upsert([tree("T8"), tree("T1", species="elm")])
    park.delete("T3")
    park.edits(keep="ours")
    assert park.publish_rows(OAKS).state == "verified"
    assert park.on_portal() == {row["tree_id"]: row for row in OAKS}


def test_their_rows_are_kept_where_a_person_says_so(park: Park) -> None:
    """They are left as they are on the portal, day after day; everything else goes on."""
    park.publish_rows(OAKS)
    park.upsert([tree("T8"), tree("T1", species="elm")])
    park.delete("T3")
    park.edits(keep="theirs")
    for day in (AFTER, "2022-09-12T00:00:00"):
        outcome = park.publish_rows([*OAKS, tree(f"N{day[9]}")], extracted_at=day)
        assert outcome.plan is not None
        assert outcome.plan.kept == 3
    assert set(park.on_portal()) == {"T1", "T2", "T8", "N1", "N2"} - {"N1"}
    assert park.on_portal()["T1"]["species"] == "elm"


def test_touched_but_equal_is_no_edit(park: Park, writes: Writes) -> None:
    """Somebody sent the same rows once more: nothing to decide, nothing to send."""
    park.publish_rows(OAKS)
    park.upsert(OAKS)
    writes.recover()
    assert park.publish_rows(OAKS).state == "unchanged"
    assert writes.rows == []


def test_dataset_removed_from_the_portal_is_made_again(park: Park) -> None:
    """A local portal that was thrown away gets everything once more."""
    park.publish_rows(OAKS)
    old = park.portal_id()
    with open_target(park.settings, park.dataset) as target:
        # The client itself refuses to drop a dataset.
        Socrata.delete(target.transport._client, old)
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
    with pytest.raises(PublicationRefused, match="place: add them on the portal"):
        park.publish_rows(OAKS)
    assert park.states() == ["verified"]


# Guards

STRICT = {"deletes_share": 0.01, "updates_share": 0.2, "rows_drop_share": 0.05}
MANY = [tree(f"T{number:02}", height_feet=1.0) for number in range(20)]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (MANY[1:], "1 of 20 rows would be deleted .limit 1%"),
        ([{**row, "species": "elm"} for row in MANY[:5]] + MANY[5:], "5 of 20 rows would change"),
        ([{**row, "height_feet": None} for row in MANY], "height_feet would lose every value"),
        ([], "nothing would be left"),
    ],
    ids=["deletes", "updates", "emptied column", "empty"],
)
def test_guard_stops_the_plan(park: Park, writes: Writes, rows: Any, why: str) -> None:
    """Nothing is sent, the publication stands there stopped, and the message says what to do."""
    park.write_dataset(guards=STRICT)
    park.publish_rows(MANY)
    writes.recover()
    with pytest.raises(GuardTripped, match=why) as stopped:
        park.publish_rows(rows, extracted_at=AFTER)
    assert "summerware override trees" in str(stopped.value)
    assert (writes.rows, park.states()) == ([], ["verified", "stopped"])


def test_a_guard_that_was_relaxed_stops_no_more(park: Park) -> None:
    """What waits is judged by the dataset file of today, in both directions."""
    park.write_dataset(guards=STRICT)
    park.publish_rows(MANY)
    with pytest.raises(GuardTripped):
        park.publish_rows(MANY[1:], extracted_at=AFTER)
    park.write_dataset(release="one")
    assert park.publish_rows(MANY[1:], extracted_at=AFTER).state == "held"
    park.write_dataset(guards=STRICT)
    with pytest.raises(GuardTripped):
        park.publish_rows(MANY[1:], extracted_at=AFTER)
    park.write_dataset()
    assert park.publish_rows(MANY[1:], extracted_at=AFTER).state == "verified"
    assert park.states() == ["verified", "verified"]


def test_an_overridden_guard_stays_overridden(park: Park) -> None:
    """The next run finds the same plan: it waits for its release, and is not stopped again."""
    park.write_dataset(guards=STRICT)
    park.publish_rows(MANY)
    with pytest.raises(GuardTripped):
        park.publish_rows(MANY[1:], extracted_at=AFTER)
    (stopped,) = park.publications("stopped")
    park.override(stopped.id)
    assert park.publish_rows(MANY[1:], extracted_at=AFTER).state == "held"


def test_overridden_guard_is_held_then_released(park: Park, writes: Writes) -> None:
    """Overriding needs a name and a reason, and is not yet a release; both are on the receipt."""
    park.write_dataset(guards=STRICT)
    park.publish_rows(MANY)
    with pytest.raises(GuardTripped):
        park.publish_rows(MANY[1:], extracted_at=AFTER)
    (stopped,) = park.publications("stopped")
    with pytest.raises(PublicationRefused, match="a name and a reason"):
        park.override(stopped.id, reason=" ")
    writes.recover()
    park.override(stopped.id, by="Ann", reason="T00 was felled")
    assert (writes.rows, park.states()) == ([], ["verified", "held"])
    park.release(stopped.id, by="Bob")
    acts = [(one["act"], one["signed_by"]) for one in park.receipts()[-1].body["signatures"]]
    assert acts == [("override", "Ann"), ("release", "Bob")]
    assert len(park.on_portal()) == 19


def test_the_same_plan_is_stopped_once(park: Park) -> None:
    """A second run with the same content waits on the same publication: its override counts."""
    park.write_dataset(guards=STRICT)
    park.publish_rows(MANY)
    for _ in range(2):
        with pytest.raises(GuardTripped):
            park.publish_rows(MANY[1:], extracted_at=AFTER)
    (stopped,) = park.publications("stopped")
    park.override(stopped.id)
    assert park.publish_rows(MANY[1:], extracted_at=AFTER).publication_id == stopped.id


def test_change_of_grain_needs_an_override(park: Park) -> None:
    """Even a declared one: what a row is has changed for everybody who reads it."""
    park.publish_rows(OAKS, grain="tree")
    with pytest.raises(GuardTripped, match="a line was one tree and is one grove now"):
        park.publish_rows(OAKS[:2], extracted_at=AFTER, grain="grove")


# Signatures


def test_two_people_must_sign_where_the_file_asks_for_two(park: Park, writes: Writes) -> None:
    """One person is one, however often and however the name is written."""
    park.write_dataset(release="two")
    held = park.publish_rows(OAKS)
    for name in ("Ann Oak", "ann  oak"):
        assert park.release(held.publication_id, by=name).state == "held"
    assert writes.rows == []
    assert park.release(held.publication_id, by="Bob").state == "verified"
    assert park.publications()[0].released_by == "Ann Oak, ann  oak, Bob"


@pytest.mark.usefixtures("live")
def test_new_rules_and_new_columns_hold(park: Park) -> None:
    """What the public sees for the first time, people see before it."""
    park.write_dataset(publish={"id": park.make_on_portal()})
    park.release(park.publish_rows(OAKS).publication_id)
    park.write_suite("standardized", "a_new_rule")
    held = park.publish_rows(OAKS[:2], extracted_at=AFTER)
    assert held.state == "held"
    assert park.publications()[-1].held_because == [
        "rules or policies changed since the last publication"
    ]


@pytest.mark.usefixtures("live")
def test_form_of_rules_alone_holds_nothing(park: Park) -> None:
    """Suites of before that are upgraded say what they said; so does a file with a remark more."""
    park.write_dataset(publish={"id": park.make_on_portal()})
    for layer in SUITES:
        path = suite_path(park.settings, park.dataset.id, layer)
        path.write_text("rules: []  # as the last version had them\n")
    park.release(park.publish_rows(OAKS).publication_id)
    waiting = park.layer(OAKS[:2], extracted_at=AFTER)
    park.passed(waiting)
    assert upgrade_suites(park.settings, park.state, park.dataset, dry_run=False)
    assert park.publish(waiting).state == "verified"
    with path.open("a") as file:
        file.write("# a remark\n")
    again = park.publish_rows([*OAKS[:2], tree("T9")], extracted_at="2022-09-12T00:00:00")
    assert again.state == "verified"


# Rollback


def test_rollback_brings_back_what_a_publication_left(park: Park) -> None:
    """Inserts go, deletes come back, updates are undone; it is a publication like any."""
    first = park.publish_rows(OAKS).publication_id
    park.publish_rows([tree("T1", species="elm"), tree("T9", height_feet=1.0)], extracted_at=AFTER)
    outcome = park.rollback(first)
    assert outcome.state == "verified"
    assert park.on_portal() == {row["tree_id"]: row for row in OAKS}
    last = park.publications()[-1]
    assert (last.kind, last.newest_extract_at) == ("rollback", AFTER)


def test_rollback_waits_for_the_signatures_that_the_file_asks_for(park: Park) -> None:
    """Who asks for it is the first of two."""
    park.write_dataset(release="two")
    first = park.publish_rows(OAKS).publication_id
    for name in ("Ann", "Bob"):
        park.release(first, by=name)
    second = park.publish_rows([*OAKS[:1], tree("T4", height_feet=1.0)], extracted_at=AFTER)
    for name in ("Ann", "Bob"):
        park.release(second.publication_id, by=name)
    asked = park.rollback(first)
    assert asked.state == "held"
    assert park.release(asked.publication_id, by="Bob").state == "verified"


def test_rollback_is_guarded(park: Park) -> None:
    """A way back that deletes too much stops like a way forward."""
    first = park.publish_rows(MANY).publication_id
    park.publish_rows([*MANY, tree("T99")], extracted_at=AFTER)
    park.write_dataset(guards=STRICT)
    with pytest.raises(GuardTripped, match="1 of 21 rows would be deleted"):
        park.rollback(first)


def test_rollback_to_what_was_never_proven_is_refused(park: Park) -> None:
    """Only what once stood on this portal can stand there again by itself."""
    park.publish_rows(OAKS)
    with pytest.raises(PublicationRefused, match="no publication nonsense was proven"):
        park.rollback("nonsense")


def test_killed_rollback_is_finished_by_the_next(park: Park, writes: Writes) -> None:
    """Law 7 holds for the way back too."""
    first = park.publish_rows(OAKS).publication_id
    park.publish_rows([tree("T1", species="elm", height_feet=1.0)], extracted_at=AFTER)
    writes.recover()
    writes.fail(after=0)
    with pytest.raises(Killed):
        park.rollback(first)
    writes.recover()
    assert park.rollback(first).state == "unchanged"
    assert park.on_portal() == {row["tree_id"]: row for row in OAKS}


# Refused rows


def test_refused_rows_are_named_and_the_rest_is_published(park: Park, home_portal: Any) -> None:
    """Key, column, value and reason; the portal has every other row, and so says the snapshot."""
    park.write_dataset(publish={"id": park.make_on_portal()})
    home_portal.faults.add("row-errors:key=T2,column=species")
    outcome = park.publish_rows(OAKS)
    assert outcome.state == "verified"
    assert set(park.on_portal(park.dataset.publish.id)) == {"T1", "T3"}
    (publication,) = park.publications()
    refused = reports.refused_rows(park.settings, park.state, park.dataset, publication.id)
    assert [(row["row_key"], row["column"], row["value"]) for row in refused] == [
        ("T2", "species", "oak")
    ]
    snapshot = read_rows(snapshot_file(park.settings, publication))
    assert [row["tree_id"] for row in snapshot] == ["T1", "T3"]


def test_refused_rows_are_tried_again(park: Park, home_portal: Any) -> None:
    """Once the portal takes them, the next run publishes them without being told."""
    home_portal.faults.add("row-errors:key=T2")
    park.publish_rows(OAKS)
    home_portal.faults.clear()
    outcome = park.publish_rows(OAKS)
    assert outcome.plan is not None
    assert outcome.plan.inserts == 1
    assert set(park.on_portal()) == {"T1", "T2", "T3"}


def test_refused_update_keeps_the_published_row(park: Park, home_portal: Any) -> None:
    """The portal keeps its last values of that row, and the snapshot says so."""
    park.publish_rows(OAKS)
    home_portal.faults.add("row-errors:key=T2")
    changed = [{**row, "species": "elm"} for row in OAKS]
    assert park.publish_rows(changed, extracted_at=AFTER).state == "verified"
    assert {key: row["species"] for key, row in park.on_portal().items()} == {
        "T1": "elm", "T2": "oak", "T3": "elm",
    }  # fmt: skip
    snapshot = read_rows(snapshot_file(park.settings, park.publications()[-1]))
    assert [row["species"] for row in snapshot] == ["elm", "oak", "elm"]


def test_too_many_refused_rows_are_a_failure(park: Park, home_portal: Any) -> None:
    """Above the dataset's limit it is not the rows: it has failed, and says why."""
    park.write_dataset(limits={"quarantined_share": 0.5, "volume_drop_share": 1, "stale_days": 9})
    home_portal.faults.add(Fault(kind="row-errors", keys=frozenset(("T1", "T2"))))
    with pytest.raises(PortalFault, match="2 rows cannot be published, more than the"):
        park.publish_rows(OAKS)
    assert park.states() == ["failed"]


def test_row_that_no_portal_takes_is_never_sent(park: Park, writes: Writes) -> None:
    """Refused before anything is sent, with its value, and the rest is published."""
    outcome = park.publish_rows([*OAKS, tree("T4", height_feet=float("inf"))])
    assert outcome.state == "verified"
    assert writes.rows == [["T1", "T2", "T3"]]
    (row,) = reports.refused_rows(
        park.settings, park.state, park.dataset, str(outcome.publication_id)
    )
    assert (row["row_key"], row["column"]) == ("T4", "height_feet")


# Proof


def test_stale_replica_is_not_verified_and_the_next_run_goes_on(
    park: Park, home_portal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be looked at is never called right; nothing is sent twice for it."""
    monkeypatch.setattr(verification, "FRESH_SECONDS", 0.2)
    park.publish_rows(OAKS)
    home_portal.faults.add("stale-replica")
    with pytest.raises(NotVerified, match="could not be verified"):
        park.publish_rows(OAKS[:2], extracted_at=AFTER)
    assert park.publications()[-1].state == "sent"
    home_portal.faults.clear()
    assert park.publish_rows(OAKS[:2], extracted_at=AFTER).state == "unchanged"
    assert park.states() == ["verified", "verified", "unchanged"]


def test_verification_stands_on_the_receipt(park: Park) -> None:
    """Every figure with what should be and what is; chunks with their requests."""
    park.publish_rows(OAKS)
    body = park.receipts()[-1].body
    figures = {one["what"]: one["found"] for one in body["verification"]["checks"]}
    assert figures["rows"] == "3"
    assert figures["non_null(height_feet)"] == "1"
    assert body["verification"]["rows_read_back"] == 3
    assert [len(chunk["request_ids"]) for chunk in body["chunks"]] == [1]
    assert [chunk.state for chunk in park.state.chunks(body["publication"])] == ["verified"]


def test_row_changed_behind_our_back_is_found_by_verify(park: Park) -> None:
    """`verify --full` reads back every row; without it, the figures already differ."""
    park.publish_rows(OAKS)
    park.upsert([tree("T2", species="elm", height_feet=3.5)])
    with open_publisher(park.settings, park.state, park.dataset) as opened:
        found = verify_portal(opened, full=True, run_id="r")
    assert not found.holds
    assert found.differing["changed"] == ["T2"]


# What is kept


def test_receipts_are_a_chain_that_shows_tampering(park: Park) -> None:
    """Each is hashed with the one before it, and the database refuses to change one."""
    park.publish_rows(OAKS)
    park.publish_rows(OAKS[:2], extracted_at=AFTER)
    store = PublishingStore(park.state)
    assert store.broken_receipt("trees") is None
    with (
        pytest.raises(sa.exc.DatabaseError, match="only ever added"),
        park.state.engine.begin() as c,
    ):
        c.execute(sa.text("update receipt set body = '{}' where number = 1"))
    with park.state.engine.begin() as connection:
        connection.execute(sa.text("drop trigger receipt_no_update"))
        connection.execute(sa.text("update receipt set body = '{}' where number = 1"))
    assert store.broken_receipt("trees") == 1


def test_files_and_journal_tell_the_publication(park: Park) -> None:
    """The snapshot is what the portal holds; the plan in the journal is plain JSON."""
    outcome = park.publish_rows(OAKS)
    (publication,) = park.publications()
    snapshot = read_rows(park.settings.home / publication.path / "snapshot.parquet")
    assert [row["tree_id"] for row in snapshot] == ["T1", "T2", "T3"]
    assert outcome.plan is not None
    assert json.loads(json.dumps(publication.plan))["rows"] == outcome.plan.rows
    assert (publication.plan["source"], publication.newest_extract_at) == ("files", DAY)


def test_ledger_tells_refused_rows_as_quarantined(park: Park, home_portal: Any) -> None:
    """Law 1 after the last step too: the counts add up, and the reason is the portal's refusal."""
    home_portal.faults.add("row-errors:key=T2,column=species")
    layer = park.passed(park.layer(OAKS, fates=dict.fromkeys(("T1", "T2", "T3"), "published")))
    park.publish(layer)
    told = reports.fates_of(park.settings, park.state, park.dataset, layer)
    assert told == {"published": 2, "quarantined": 1}


@pytest.mark.usefixtures("live")
def test_what_follows_a_rollback_waits_for_a_yes(park: Park) -> None:
    """The extract that was rolled back does not come back by itself the next morning."""
    park.write_dataset(publish={"id": park.make_on_portal()})
    first = park.publish_rows(OAKS)
    park.release(first.publication_id)
    wrong = [tree("T1", species="elm"), tree("T9", height_feet=1.0)]
    park.publish_rows(wrong, extracted_at=AFTER)
    park.rollback(first.publication_id)
    held = park.publish_rows(wrong, extracted_at=AFTER)
    assert held.state == "held"
    assert "the last publication was a rollback" in held.message

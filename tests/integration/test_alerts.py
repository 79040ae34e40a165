"""One cause is one alert: when it opens, what is new about it, whom it goes to, and its end."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestration.alerts.lifecycle import acknowledge
from orchestration.dataset import TIME_ZONE
from orchestration.errors import ConfigurationError, GateNotPassed, PortalFault
from orchestration.state.alerts import NO_CHANNEL, PENDING
from orchestration.state.store import Publication, now
from tests import suite_files
from tests.town import PASSED, Town, new_town, rule


@pytest.fixture
def town(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """One dataset; no channel has an address, so that the outbox keeps what would go."""
    with new_town(tmp_path, monkeypatch) as made:
        made.watch()
        yield made


def test_a_failed_gate_is_one_alert_however_often_it_fails(town: Town) -> None:
    """Incident 5: thousands of repeats of one broken asset are one message."""
    for _ in range(5):
        town.run([rule()])
        town.watch()
        town.watch()
    (alert,) = town.open()
    assert (alert.kind, alert.severity, alert.rule, alert.runs) == (
        "gate_failed",
        "critical",
        "trees_stand",
        5,
    )
    assert town.told() == [("owners", "opened")]


def test_what_is_over_is_told_once(town: Town) -> None:
    """A gate that passes again ends its alert; the next failure is another alert."""
    town.run([rule()])
    town.watch()
    first = town.open()[0].id
    for _ in range(2):
        town.run([PASSED])
        town.watch()
    assert town.open() == []
    assert town.told() == [("owners", "opened"), ("owners", "resolved")]
    town.run([rule()])
    town.watch()
    assert town.open()[0].id != first


def test_more_failing_rows_are_news(town: Town) -> None:
    """What is new about a known failure is told, the rest is not told again."""
    for failing in (3, 3, 8, 8, 5):
        town.run([rule(failing=failing)])
        town.watch()
    assert [one.kind for one in town.outbox()] == ["opened", "news"]
    assert town.outbox()[1].facts["news"] == "5 rows more than then"


def test_only_newly_quarantined_keys_are_news(town: Town) -> None:
    """The same 400 rows each day say nothing; a new key does, also where the count is the same."""
    for keys in (("T1", "T2"), ("T1", "T2"), ("T2", "T3")):
        found = [rule("height_known", strength="row", failing=2)]
        town.run(found, layer="standardized", quarantine={"height_known": keys})
        town.watch()
    assert [one.kind for one in town.outbox()] == ["opened", "news"]
    assert town.outbox()[1].facts["news"] == "1 key new since then"
    assert town.outbox()[0].facts["keys"] == 2


def test_other_columns_missing_are_news(town: Town) -> None:
    """A table rule that finds another thing says so, a number that moves does not."""
    for observed in ("missing: species", "missing: species, place"):
        town.run([rule("columns_there", failing=0, observed=observed)])
        town.watch()
    for observed in ("412", "413"):
        town.run([rule("count_close", failing=0, observed=observed)])
        town.watch()
    assert [(one.kind, one.facts["rule"]) for one in town.outbox()] == [
        ("opened", "columns_there"),
        ("news", "columns_there"),
        ("opened", "count_close"),
        ("resolved", "columns_there"),
    ]


def test_layers_below_a_failed_gate_are_no_alert_of_their_own(town: Town) -> None:
    """A publish step that refuses because of the gate has the gate's alert; without it, its own."""
    town.run([rule()])
    town.watch()
    town.run(GateNotPassed("the raw gate says failed"), layer="deduplicated")  # type: ignore[arg-type]
    town.watch()
    assert [alert.kind for alert in town.open()] == ["gate_failed"]
    town.run([PASSED])
    town.watch()
    town.run(GateNotPassed("the raw gate was never run"), layer="deduplicated")  # type: ignore[arg-type]
    town.watch()
    assert [alert.kind for alert in town.open()] == ["step_stopped"]


def test_a_broken_check_goes_to_the_engineers(town: Town) -> None:
    """A check that crashed is no fault of the data's owner, who hears nothing of it."""
    town.run([rule(outcome="broken")])
    town.watch()
    (alert,) = town.open()
    assert alert.kind == "rule_broken"
    assert "says nothing of the data" in alert.facts["headline"]
    assert town.told() == [("engineers", "opened")]


def test_a_rule_that_crashed_says_nothing_of_what_it_found_before(town: Town) -> None:
    """An old finding stays open while its rule cannot look."""
    stands = suite_files.rule("expect_column_to_exist", "table", "trees_stand", column="tree_id")
    stands["meta"]["statement"] = "Trees stand."
    suite_files.write_suite(town.settings.expectations_dir, "grove_0", "raw", stands)
    town.run([rule()])
    town.watch()
    town.run([rule(outcome="broken")])
    town.watch()
    assert sorted(alert.kind for alert in town.open()) == ["gate_failed", "rule_broken"]
    assert town.outbox()[0].facts["statement"] == "Trees stand."


def test_a_gate_over_its_limit_is_one_alert(town: Town) -> None:
    """However many rules took it there, the cause is one."""
    found = [rule(name, strength="row", failing=40) for name in ("height_known", "place_known")]
    town.run(found, layer="standardized", verdict="failed", quarantined=60)
    town.watch()
    (alert,) = town.open()
    assert alert.cause == "more quarantined than the limit"
    assert "60 of 100 lines quarantined, more than the limit of 50.0%" in alert.facts["headline"]
    assert "height_known (40)" in alert.facts["statement"]


def test_a_run_that_was_killed_is_told_to_the_engineers(town: Town) -> None:
    """A run that ends without a failed step has an alert of its own, until a run goes well."""
    run = town.instance.create_run_for_job(_empty_job())
    town.instance.report_run_failed(run, "Its process 17 is gone: killed.")
    town.watch()
    (alert,) = town.open()
    assert alert.kind == "run_failed"
    assert "process 17 is gone" in alert.facts["headline"]
    assert town.told() == [("engineers", "opened")]
    _empty_job().execute_in_process(instance=town.instance)
    town.watch()
    assert town.open() == []


def _empty_job() -> Any:
    import dagster as dg

    @dg.op
    def nothing() -> None:
        """Does nothing."""

    @dg.job(name="daily")
    def daily() -> None:
        nothing()

    return daily


def test_an_unforeseen_error_is_told_without_its_text(town: Town) -> None:
    """What a library's error quotes may be somebody's name."""
    town.run(ValueError("could not convert 'Jane Roe, 4120 Elm St'"))  # type: ignore[arg-type]
    town.watch()
    (alert,) = town.open()
    assert alert.kind == "step_broken"
    assert "ValueError at" in alert.facts["headline"]
    assert "Jane" not in str(vars(alert)) + str(town.outbox())


def test_one_failed_run_is_no_second_alert(town: Town) -> None:
    """A run that failed because of a gate or a step has no alert beside theirs."""
    town.run([rule()])
    town.run(PortalFault("the portal answered 500"), layer="deduplicated")  # type: ignore[arg-type]
    town.watch()
    assert [alert.kind for alert in town.open()] == ["gate_failed", "step_broken"]


def test_warnings_wait_for_the_digest(town: Town) -> None:
    """Three warnings of a day are due together at eight in New Orleans; a failed gate is due now."""
    town.write_dataset(alerts={"digest_at": "08:00"})
    names = ("height_known", "place_known", "species_known")
    town.run([rule(), *(rule(name, strength="warning") for name in names)])
    town.watch("2026-07-01T11:30:00+00:00")
    due = {(one.facts["rule"], one.is_digest, one.due_at[:16]) for one in town.outbox()}
    assert due == {
        ("trees_stand", False, "2026-07-01T11:30"),
        *((name, True, "2026-07-01T13:00") for name in names),
    }


def test_without_a_daemon_the_digest_goes_with_the_run(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would look at eight: the warnings of a run go together at its end."""
    monkeypatch.setenv("SUMMERWARE_DAEMON", "no")
    town.write_dataset(alerts={"digest_at": "08:00"})
    town.run([rule("height_known", strength="warning"), rule("place_known", strength="warning")])
    town.watch("2026-07-01T11:30:00+00:00")
    due = {(one.is_digest, one.due_at[:16]) for one in town.outbox()}
    assert due == {(True, "2026-07-01T11:30")}


def test_quiet_hours_hold_warnings_back(town: Town) -> None:
    """Without a digest a warning at night waits for the morning; YAML's bare 20:00 is understood."""
    town.write_dataset(alerts={"digest_at": None, "quiet": {"start": 20 * 60, "end": "07:30"}})
    town.run([rule("height_known", strength="warning"), rule()])
    town.watch("2026-01-10T04:00:00+00:00")
    due = {one.facts["rule"]: one.due_at[:16] for one in town.outbox()}
    assert due == {"height_known": "2026-01-10T13:30", "trees_stand": "2026-01-10T04:00"}


def test_a_warning_that_lasts_a_week_escalates_once(town: Town) -> None:
    """Incident 8."""
    for _ in range(9):
        town.run([rule("height_known", strength="warning")])
        town.watch()
    assert [(one.channel, one.kind) for one in town.outbox()] == [
        ("owners", "opened"),
        ("supervisors", "escalated"),
        ("owners", "escalated"),
    ]
    assert town.outbox()[1].facts["news"] == "It was found by 7 runs in a row."


def test_a_critical_alert_that_nobody_takes_on_escalates(town: Town) -> None:
    """After two hours somebody else is told, once; an acknowledged one stays where it is."""
    town.run([rule(), rule("roots_hold")])
    town.watch()
    first, second = town.open()
    with town.store.writing() as writer:
        acknowledge(writer, [first.id], by="Ann", unknown=ConfigurationError)
    later = datetime.now(UTC) + timedelta(hours=3)
    town.watch(later)
    town.watch(later)
    escalated = [one for one in town.outbox() if one.kind == "escalated"]
    assert {one.alert_id for one in escalated} == {second.id}
    assert {one.channel for one in escalated} == {"supervisors", "owners"}


def _publication(state: str, **values: Any) -> Publication:
    return Publication(
        id=f"p-{state}", dataset="grove_0", target="local", state=state, content_hash="c",
        layer_id="l", run_id="r", newest_extract_at="2026-03-01T00:00:00",
        plan={"rows": 90, "inserts": 4, "updates": 2, "deletes": 1}, path="p",
        released_by=None, planned_at=now(), released_at=None, sent_at=None,
        verified_at=now() if state == "verified" else None, **values,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "values", "kind", "word"),
    [
        ("held", {"held_because": ["new column height"]}, "publication_held", "summerware release"),
        ("stopped", {"failure": "40 of 90 rows would go"}, "publication_stopped", "override"),
        ("failed", {"failure": "the portal lacks 3 rows"}, "publication_unproven", "verify"),
        ("sent", {}, "publication_unproven", "verify"),
    ],
    ids=["held", "stopped", "failed", "sent"],
)
def test_a_publication_that_waits_or_failed_is_told(
    town: Town, state: str, values: dict[str, Any], kind: str, word: str
) -> None:
    """Until a later one is proven; it says what to do and what the portal shows meanwhile."""
    town.state.add_publication(_publication("verified"))
    town.state.add_publication(_publication(state, **values))
    town.watch()
    town.watch()
    (alert,) = town.open()
    assert alert.kind == kind
    assert word in alert.facts["to_do"]
    assert "90 rows, as publication p-verified left them" in alert.facts["portal_shows"]
    town.state.move_publication(f"p-{state}", state="verified", verified_at=now())
    town.watch()
    assert [one.kind for one in town.outbox()] == ["opened", "resolved"]


def test_numbers_do_not_make_another_alert(town: Town) -> None:
    """The same guard with other figures tomorrow is the same alert."""
    town.state.add_publication(_publication("stopped", failure="40 of 90 rows would go"))
    town.watch()
    town.state.move_publication("p-stopped", failure="41 of 92 rows would go")
    town.watch()
    assert [one.kind for one in town.outbox()] == ["opened"]


@pytest.fixture
def daemon(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon is in use."""
    monkeypatch.setattr(
        type(town.instance), "get_daemon_statuses", lambda _: {"SCHEDULER": object()}
    )


@pytest.mark.usefixtures("daemon")
def test_a_late_schedule_is_told(town: Town) -> None:
    """An hour after it was due, where a daemon is in use and nobody else started the run."""
    town.watch(_noon())
    (alert,) = town.open()
    assert alert.kind == "schedule_late"
    assert town.told() == [("engineers", "opened")]
    town.run([PASSED])
    town.watch(datetime.now(UTC))
    assert town.open() == []


def _noon(days: int = 1, *, hour: int = 12) -> datetime:
    """An hour in New Orleans, so many days from now: later than every first look."""
    day = datetime.now(ZoneInfo(TIME_ZONE)) + timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(
    ("before", "after"),
    [("0 6 * * *", "0 3 * * *"), ("0 18 * * *", "0 3 * * *"), ("0 3 * * *", "0 6 * * *")],
    ids=["six-to-three", "its-own-to-three", "three-to-six"],
)
def test_a_changed_time_was_not_missed_before_the_change(
    town: Town, before: str, after: str
) -> None:
    """Changed at noon: late is the run that its next tick does not bring, and none of the past."""
    town.write_dataset(schedule=before)
    town.watch()
    town.write_dataset(schedule=after)
    town.watch(_noon())
    town.watch(_noon(2, hour=2))
    assert [alert.kind for alert in town.open()] == []
    town.watch(_noon(2))
    assert [alert.kind for alert in town.open()] == ["schedule_late"]


@pytest.mark.usefixtures("daemon")
def test_a_new_dataset_missed_nothing_before_it_came(town: Town) -> None:
    """Its file appears at noon with a time in the morning."""
    town.write_dataset(schedule="0 18 * * *")
    town.watch()
    town.write_dataset("grove_9", schedule="0 3 * * *")
    town.watch(_noon())
    titles = {alert.facts["title"] for alert in town.open()}
    assert "the schedule grove_9_on_time" not in titles
    town.watch(_noon(2))
    titles = {alert.facts["title"] for alert in town.open()}
    assert "the schedule grove_9_on_time" in titles


@pytest.mark.usefixtures("daemon")
def test_a_time_that_nobody_has_any_more_is_late_no_more(town: Town) -> None:
    """Its alert ends with the schedule: nothing will ever look there again."""
    town.watch()
    town.watch(_noon())
    assert [alert.kind for alert in town.open()] == ["schedule_late"]
    town.write_dataset(schedule="0 3 * * *")
    town.watch(_noon())
    assert town.open() == []


@pytest.mark.usefixtures("daemon")
def test_a_time_that_is_changed_back_holds_anew(town: Town) -> None:
    """Away from six and back again: what was due at six meanwhile was not missed."""
    town.watch()
    town.write_dataset(schedule="0 18 * * *")
    town.watch(_noon(1, hour=5))
    town.write_dataset(schedule="0 6 * * *")
    town.watch(_noon(1))
    assert town.open() == []


@pytest.mark.usefixtures("daemon")
def test_a_schedule_switched_on_again_missed_nothing_while_it_was_off(town: Town) -> None:
    """Off since yesterday and on since eleven: what was due at six is no miss; tomorrow's would be."""
    from dagster._core.scheduler.instigation import ScheduleInstigatorData

    town.watch()
    data = ScheduleInstigatorData("0 6 * * *", _noon(hour=11).timestamp())
    switched = SimpleNamespace(name="daily_at_six", instigator_data=data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(town.instance), "all_instigator_state", lambda _: [switched])
        town.watch(_noon())
        assert town.open() == []
        town.watch(_noon(2))
        assert [alert.kind for alert in town.open()] == ["schedule_late"]


@pytest.mark.usefixtures("daemon")
def test_a_home_that_noted_no_schedules_asks_since_its_first_look(town: Town) -> None:
    """A home of an earlier version, with a run missing: the upgrade forgives nothing."""
    town.watch()
    with town.store.writing() as writer:
        writer.note_schedules([])
    town.watch(_noon())
    assert [alert.kind for alert in town.open()] == ["schedule_late"]


def test_what_happened_before_the_first_look_is_taken_over(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that had runs before alerts were known: only its last verdicts are told."""
    with new_town(tmp_path, monkeypatch) as town:
        town.run([rule("old_fault")])
        town.run([rule()])
        town.watch()
        assert [alert.rule for alert in town.open()] == ["trees_stand"]


def test_nothing_is_kept_of_a_look_that_died(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place in the log moves with the outbox or not at all."""
    town.run([rule()])
    before = town.store.position("dagster")
    with monkeypatch.context() as broken:

        def die(*_: Any) -> None:
            raise KeyboardInterrupt

        broken.setattr("orchestration.state.alerts.AlertWriter.move", die)
        with pytest.raises(KeyboardInterrupt):
            town.watch()
    assert town.open() == []
    assert town.store.position("dagster") == before
    town.watch()
    assert len(town.open()) == 1


def test_a_history_that_begins_anew_is_read_from_its_start(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deletes Dagster's history; our place in it means nothing any more."""
    for _ in range(3):
        town.run([PASSED])
    town.watch()
    import dagster as dg

    town.instance.dispose()
    for folder in ("history", "storage", "schedules"):
        shutil.rmtree(town.settings.dagster_home / folder, ignore_errors=True)
    town.instance = dg.DagsterInstance.get()
    town.run([rule()])
    town.watch()
    assert [alert.kind for alert in town.open()] == ["gate_failed"]


def test_an_older_verdict_that_comes_late_changes_nothing(town: Town) -> None:
    """Two runs side by side: what a gate said last counts."""
    from orchestration.alerts.findings import View, of_gate
    from orchestration.alerts.lifecycle import settle
    from orchestration.alerts.routing import Router
    from orchestration.dataset import load_datasets

    run_id = town.run([rule()])
    record = town.state.gates_of_run(run_id)[0]
    town.run([PASSED])
    town.watch()
    datasets = load_datasets(town.settings.datasets_dir)
    view = View(town.settings, town.state, datasets)
    with town.store.writing() as writer:
        settle(writer, Router(datasets, datetime.now(UTC)), [of_gate(view, record, event_id=1)])
    assert town.open() == []


def test_a_channel_without_an_address_is_told_of_once_it_has_one(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still open then goes; what is over by then does not."""
    town.run([rule(), rule("roots_hold")])
    town.watch()
    town.run([rule()])
    town.watch()
    assert {one.state for one in town.outbox()} == {NO_CHANNEL}
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", "json://127.0.0.1:9/?cto=1&rto=1")
    assert town.watch().delivered.failed == 1
    assert [one.facts["rule"] for one in town.outbox() if one.state == PENDING] == ["trees_stand"]


def test_a_broken_dataset_file_stops_no_other(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to the engineers; the other dataset's alerts go on; mended, it is over."""
    with new_town(tmp_path, monkeypatch, datasets=2) as town:
        town.watch()
        file = town.settings.datasets_dir / "grove_1.yaml"
        sound = file.read_text()
        file.write_text(sound + "colour: green\n")
        town.run([rule()])
        town.watch()
        assert [alert.kind for alert in town.open()] == ["gate_failed", "file_broken"]
        assert "colour: unknown key" in town.open()[1].facts["headline"]
        file.write_text(sound)
        town.watch()
        assert [alert.kind for alert in town.open()] == ["gate_failed"]


def test_a_dataset_that_is_no_more_has_no_alerts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing will look there again, so nothing stays open there."""
    with new_town(tmp_path, monkeypatch, datasets=2) as town:
        town.watch()
        town.run({"grove_0": [rule()], "grove_1": [rule()]})
        town.watch()
        (town.settings.datasets_dir / "grove_1.yaml").unlink()
        town.watch()
        assert [alert.dataset for alert in town.open()] == ["grove_0"]


def test_one_thing_that_cannot_be_looked_at_hides_no_other(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that makes the look crash is an alert itself, until it is well; the rest is told."""
    town.state.add_publication(replace(_publication("held"), plan={}))
    town.run([rule()])
    town.watch()
    assert sorted(alert.kind for alert in town.open()) == ["gate_failed", "watch_broken"]
    assert "publication/grove_0 could not be looked at (KeyError)" in str(town.outbox())
    town.state.move_publication("p-held", state="abandoned")
    town.watch()
    assert [alert.kind for alert in town.open()] == ["gate_failed"]


def test_a_check_of_somebody_elses_is_passed_over(town: Town) -> None:
    """Other assets in the same instance, keyed in their own way, are no business of ours."""
    import dagster as dg

    @dg.asset(key=["alone"])
    def alone() -> None:
        """An asset of a city's own."""

    @dg.asset_check(asset=alone)
    def own_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    dg.materialize([alone, own_check], instance=town.instance, raise_on_error=False)
    town.watch()
    assert town.open() == []


def test_another_history_with_higher_numbers_is_noticed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's history was replaced while nobody looked, and is longer than ours was already."""
    town.run([PASSED])
    town.watch()
    import dagster as dg

    position = town.store.position("dagster")
    assert position is not None
    town.instance.dispose()
    for folder in ("history", "storage", "schedules"):
        shutil.rmtree(town.settings.dagster_home / folder, ignore_errors=True)
    town.instance = dg.DagsterInstance.get()
    town.run([rule()])
    for _ in range(3):
        _empty_job().execute_in_process(instance=town.instance)
    with town.store.writing() as writer:
        writer.move("dagster", 2, [1, 2])
    town.watch()
    assert [alert.kind for alert in town.open()] == ["gate_failed"]

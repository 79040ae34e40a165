"""Dagster's event log as we write it: its own files, its own content, fewer connections."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.dagster_private import SqliteEventLogStorage
from orchestration.event_log import KeptEventLogStorage
from orchestration.instance import open_instance, prepare_instance
from orchestration.settings import Settings

KEY = dg.AssetKey(["leaves"])
NAMES = [f"rule_{number}" for number in range(5)]


@dg.asset(key=KEY)
def leaves() -> None:
    """An asset with some checks."""


@dg.multi_asset_check(specs=[dg.AssetCheckSpec(name, asset=KEY) for name in NAMES])
def rules() -> Iterator[dg.AssetCheckResult]:
    """One that fails and four that pass."""
    for name in NAMES:
        yield dg.AssetCheckResult(passed=name != NAMES[0], check_name=name, asset_key=KEY)


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def _run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([leaves, rules], instance=instance, raise_on_error=False).run_id


def _stock(settings: Settings) -> Any:
    return SqliteEventLogStorage(str(settings.dagster_home / "history" / "runs"))


def test_home_has_our_event_log(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, KeptEventLogStorage)


def test_dagster_reads_what_we_wrote(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Event by event, and check by check, while our connections are open."""
    run_id = _run(instance)
    ours, theirs = instance.event_log_storage, _stock(settings)
    assert theirs.get_logs_for_run(run_id) == ours.get_logs_for_run(run_id)
    for name in NAMES:
        check = dg.AssetCheckKey(KEY, name)
        (found,) = theirs.get_asset_check_execution_history(check, limit=9)
        assert found.status.value == ("FAILED" if name == NAMES[0] else "SUCCEEDED")


def test_we_read_what_dagster_wrote(instance: dg.DagsterInstance, settings: Settings) -> None:
    """What another process stored after our connections were opened is seen."""
    events = instance.event_log_storage.get_logs_for_run(_run(instance))
    stock = _stock(settings)
    stock.register_instance(instance)
    for event in events:
        stock.store_event(event._replace(run_id="another"))
    assert len(instance.event_log_storage.get_logs_for_run("another")) == len(events)


def test_a_batch_is_stored_whole_or_not_at_all(instance: dg.DagsterInstance) -> None:
    """An event that cannot be stored takes those before it along, and later ones are stored."""
    log = instance.event_log_storage
    events = log.get_logs_for_run(_run(instance))
    others = [event._replace(run_id="another") for event in events]
    with pytest.raises(AttributeError):
        log.store_event_batch([*others, None])  # type: ignore[list-item]
    assert log.get_logs_for_run("another") == []
    log.store_event_batch(others)
    assert len(log.get_logs_for_run("another")) == len(others)


def test_more_runs_than_files_are_kept_open(instance: dg.DagsterInstance) -> None:
    """The oldest is closed, and opened again when it is asked for."""
    events = instance.event_log_storage.get_logs_for_run(_run(instance))
    for number in range(12):
        instance.event_log_storage.store_event(events[0]._replace(run_id=f"run_{number}"))
    for number in range(12):
        assert len(instance.event_log_storage.get_logs_for_run(f"run_{number}")) == 1


def _config(settings: Settings) -> Path:
    return settings.dagster_home / "dagster.yaml"


def test_home_of_an_earlier_version_gets_our_event_log(settings: Settings) -> None:
    """Its history is that of before."""
    prepare_instance(settings)
    whole = _config(settings).read_text()
    _config(settings).write_text(whole.split("# Dagster's files")[0])
    with dg.DagsterInstance.get() as before:
        run_id = _run(before)
        assert not isinstance(before.event_log_storage, KeptEventLogStorage)
    with open_instance(settings) as after:
        assert isinstance(after.event_log_storage, KeptEventLogStorage)
        assert after.event_log_storage.get_logs_for_run(run_id)
    assert _config(settings).read_text() == whole


def test_what_people_wrote_is_left(settings: Settings) -> None:
    """A `dagster.yaml` that is not ours stays as it is, PostgreSQL and all."""
    prepare_instance(settings)
    own = _config(settings).read_text() + "# ours\n"
    _config(settings).write_text(own)
    prepare_instance(settings)
    assert _config(settings).read_text() == own

"""Who may go on behind a gate: only exactly this content, under the rules as they are now."""

from collections.abc import Callable

import pytest

from orchestration.dataset import GrainChange
from orchestration.errors import GateNotPassed
from orchestration.gates import gate
from orchestration.gates.gate import require_passed, upstream_chain
from orchestration.state.store import Layer
from tests.unit.gates.conftest import ROWS, Kennel, query


def _all_passed(kennel: Kennel) -> Layer:
    raw = kennel.raw()
    standardized = kennel.standardized(upstream=raw)
    deduplicated = kennel.deduplicated(upstream=standardized)
    for layer in (raw, standardized, deduplicated):
        assert kennel.gate(layer).verdict == "passed"
    return deduplicated


def test_chain_is_oldest_first(kennel: Kennel) -> None:
    """A layer stands on exactly the layers that it was made from, not on the newest ones."""
    raw = kennel.raw()
    kennel.raw(ROWS[:2])
    standardized = kennel.standardized(upstream=raw)
    deduplicated = kennel.deduplicated(upstream=standardized)
    assert upstream_chain(kennel.state, deduplicated) == [raw, standardized, deduplicated]


def test_passed_all_the_way(kennel: Kennel) -> None:
    """The records of the whole chain come back, oldest layer first."""
    records = require_passed(kennel.settings, kennel.state, kennel.dataset, _all_passed(kennel))
    assert [record.layer for record in records] == ["raw", "standardized", "deduplicated"]


def _no_record(kennel: Kennel) -> Layer:
    return kennel.deduplicated(upstream=_upstream(_all_passed(kennel), kennel))


def _upstream(layer: Layer, kennel: Kennel) -> Layer:
    assert layer.upstream_id is not None
    return kennel.state.layer(layer.upstream_id)


def _other_content(kennel: Kennel) -> Layer:
    return kennel.deduplicated(ROWS[:2], upstream=_upstream(_all_passed(kennel), kennel))


def _failed(kennel: Kennel) -> Layer:
    layer = _all_passed(kennel)
    kennel.suite("deduplicated", query("select * from {batch}", "table", "empty"))
    assert kennel.gate(layer).verdict == "failed"
    return layer


def _failed_after_a_pass(kennel: Kennel) -> Layer:
    # The same rules, once more, and this time they do not hold: the newest verdict counts.
    kennel.suite(
        "raw",
        query(
            "select 'x' as _extract_id, 0 as _line from facts where keys_before > 4",
            "table",
            "not_more",
        ),
    )
    layer = _all_passed(kennel)
    bigger = kennel.raw([*ROWS, {**ROWS[0], "dog_id": "D5"}], keys=5)
    assert kennel.gate(bigger).verdict == "passed"
    raw = upstream_chain(kennel.state, layer)[0]
    assert kennel.gate(raw).verdict == "failed"
    return layer


def _broken(kennel: Kennel) -> Layer:
    layer = _all_passed(kennel)
    kennel.suite("deduplicated", query("select colour from {batch}", "warning", "crashes"))
    assert kennel.gate(layer).verdict == "broken"
    return layer


def _old_suite(kennel: Kennel) -> Layer:
    layer = _all_passed(kennel)
    kennel.suite("deduplicated", query("select * from {batch} where false", "warning", "harmless"))
    return layer


def _old_dataset_file(kennel: Kennel) -> Layer:
    layer = _all_passed(kennel)
    kennel.limit(stale_days=11)
    return layer


def _upstream_failed(kennel: Kennel) -> Layer:
    layer = _all_passed(kennel)
    kennel.suite("raw", query("select * from {batch}", "table", "empty"))
    assert kennel.gate(upstream_chain(kennel.state, layer)[0]).verdict == "failed"
    return layer


def _upstream_never_gated(kennel: Kennel) -> Layer:
    raw = kennel.raw()
    layer = kennel.deduplicated(upstream=kennel.standardized(upstream=raw))
    kennel.gate(raw)
    kennel.gate(layer)
    return layer


REFUSED = {
    "other content": (_other_content, "publishable", "was never run on it"),
    "failed": (_failed, "publishable", "says 'failed'"),
    "failed after a pass": (_failed_after_a_pass, "raw", "says 'failed'"),
    "broken": (_broken, "publishable", "says 'broken'"),
    "old suite": (_old_suite, "publishable", "was never run on it"),
    "old dataset file": (_old_dataset_file, "raw", "was never run on it"),
    "upstream failed": (_upstream_failed, "raw", "says 'failed'"),
    "upstream never gated": (_upstream_never_gated, "standardized", "was never run on it"),
}


@pytest.mark.parametrize(("make", "name", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(kennel: Kennel, make: Callable[[Kennel], Layer], name: str, says: str) -> None:
    """The message names dataset, gate, content and what to do next."""
    layer = make(kennel)
    with pytest.raises(GateNotPassed) as found:
        require_passed(kennel.settings, kennel.state, kennel.dataset, layer)
    gated = {one.layer: one for one in upstream_chain(kennel.state, layer)}
    hashed = gated["deduplicated" if name == "publishable" else name].content_hash
    message = str(found.value)
    assert message.startswith(f"dogs: the {name} gate {says} (content {hashed[:12]}")
    assert "`summerware gates dogs`" in message
    assert "run the dataset again" in message


def test_pass_is_of_the_content_not_of_the_run(kennel: Kennel) -> None:
    """The same bytes made again are the same content: their pass is good."""
    again = _no_record(kennel)
    assert require_passed(kennel.settings, kennel.state, kennel.dataset, again)


def _keys_before(kennel: Kennel, layer: Layer) -> int:
    return int(gate._facts(kennel.settings, kennel.state, kennel.dataset, [layer])["keys_before"])


def _good(kennel: Kennel, keys: int, day: int, **facts: object) -> Layer:
    rows = [{**ROWS[0], "dog_id": f"D{day}-{number}"} for number in range(keys)]
    layer = kennel.raw(rows, extracted_at=f"2022-09-{day:02}T00:00:00", **facts)  # type: ignore[arg-type]
    assert kennel.gate(layer).verdict == "passed"
    return layer


def test_volume_is_held_against_the_last_good_extract(kennel: Kennel) -> None:
    """Neither one that failed nor a later one is a measure; the share that may go is the dataset's."""
    _good(kennel, 8, 1)
    _good(kennel, 12, 9)
    kennel.suite("raw", query("select * from {batch}", "table", "empty"))
    failed = kennel.raw(ROWS[:1], extracted_at="2022-09-02T00:00:00")
    assert kennel.gate(failed).verdict == "failed"
    today = kennel.raw(extracted_at="2022-09-03T00:00:00")
    facts = gate._facts(kennel.settings, kennel.state, kennel.dataset, [today])
    assert (facts["keys_before"], facts["keys_at_least"]) == (8, 6)


def test_first_extract_has_no_measure_but_must_hold_a_key(kennel: Kennel) -> None:
    """An empty extract never passes for a good one."""
    facts = gate._facts(kennel.settings, kennel.state, kennel.dataset, [kennel.raw()])
    assert (facts["keys_before"], facts["keys_at_least"]) == (0, 1)


def test_other_grain_is_no_measure(kennel: Kennel) -> None:
    """A declared change of grain starts a new baseline, and going back finds the old one."""
    _good(kennel, 8, 1)
    change = GrainChange.model_validate({"starting": "2022-09-02", "line": "pack"})
    grain = kennel.dataset.grain.model_copy(update={"changes": (change,)})
    kennel.dataset = kennel.dataset.model_copy(update={"grain": grain})
    pack = kennel.raw(grain="pack", extracted_at="2022-09-02T00:00:00")
    assert _keys_before(kennel, pack) == 0
    kennel.gate(pack)
    assert _keys_before(kennel, kennel.raw(grain="pack", extracted_at="2022-09-03T00:00:00")) == 4
    assert _keys_before(kennel, kennel.raw(grain="dog", extracted_at="2022-09-03T00:00:00")) == 8


def test_backlog_is_no_measure_of_one_extract(kennel: Kennel) -> None:
    """After a run on many extracts the next one is held against the newest of them."""
    backlog = kennel.raw(extract_ids=("e1", "e2", "e3"), keys=12)
    assert kennel.gate(backlog).verdict == "passed"
    assert _keys_before(kennel, kennel.raw(ROWS[:3], extracted_at="2022-09-02T00:00:00")) == 4


def test_unknown_extract_time_makes_nothing_stale(kennel: Kennel) -> None:
    """A file's own time is no extract time: freshness cannot be told from it."""
    layer = kennel.raw(time_source="file time")
    facts = gate._facts(kennel.settings, kennel.state, kennel.dataset, [layer])
    assert facts["stale_before"].year == 1900

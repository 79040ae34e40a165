"""Tags of a run: found by each dataset, extract and publication, however many it works on."""

import dagster as dg

from orchestration.defs.pipeline import tag_run


def _tags(*found: tuple[str, dict[str, str]]) -> dict[str, str]:
    @dg.op
    def work(context: dg.OpExecutionContext) -> None:
        for dataset, values in found:
            tag_run(context, dataset, **values)

    @dg.job
    def job() -> None:
        work()

    with dg.DagsterInstance.ephemeral() as instance:
        run_id = job.execute_in_process(instance=instance).run_id
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return {tag: value for tag, value in run.tags.items() if tag.startswith("summerware/")}


def test_run_of_one_dataset_has_plain_values() -> None:
    """What a person would type into the search."""
    assert _tags(("dogs", {}), ("dogs", {"publication": "p1"})) == {
        "summerware/dataset": "dogs",
        "summerware/dataset/dogs": "dogs",
        "summerware/publication": "p1",
        "summerware/publication/dogs": "p1",
    }


def test_run_of_several_has_each_by_itself() -> None:
    """All of them in one value, and each under its dataset; the newest where one comes again."""
    tags = _tags(
        ("cats", {"extracts": "e1"}), ("dogs", {"extracts": "e2"}), ("cats", {"extracts": "e3"})
    )
    assert tags["summerware/dataset"] == "cats, dogs"
    assert tags["summerware/extracts/cats"] == "e3"
    assert tags["summerware/extracts/dogs"] == "e2"
    assert set(tags["summerware/extracts"].split(", ")) == {"e2", "e3"}

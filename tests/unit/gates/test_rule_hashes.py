"""Hashes of rules: they follow what is said, not how a file is written, and know earlier forms."""

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.dataset import load_datasets
from orchestration.errors import ConfigurationError
from orchestration.gates import former_suites
from orchestration.gates.row_queries import QUERIES
from orchestration.gates.rule_hashes import rules_hash, rules_hashes, suite_hash, suite_hashes
from orchestration.gates.suites import COMMON, SUITES, load_suite, suite_path
from orchestration.settings import Settings
from orchestration.state.upgrades import UpgradeStore
from orchestration.upgrading import suites as upgrading
from orchestration.upgrading.suites import BACKUP, upgrade_suites
from tests.suite_files import former, rule, write_suite
from tests.unit.gates.conftest import NAMED, Kennel

ALWAYS = rule("expect_column_to_exist", "table", "key_is_there", column="dog_id")


def hashes(kennel: Kennel) -> tuple[str, str]:
    """Of the standardized gate, and of all rules."""
    one = suite_hash(kennel.settings, kennel.dataset, "standardized", classes="")
    return one, rules_hash(kennel.settings, kennel.dataset)


def file_of(kennel: Kennel, layer: str = "standardized") -> Path:
    return suite_path(kennel.settings, "dogs", layer)


def _with_remarks(text: str) -> str:
    return "# Rules of dogs.\n" + text.replace("severity:", "severity:  ") + "\n# The end.\n"


def _in_one_line(text: str) -> str:
    return yaml.safe_dump(yaml.safe_load(text), default_flow_style=True, width=10**6)


def _the_other_way_round(text: str) -> str:
    content = yaml.safe_load(text)
    return yaml.safe_dump({**content, "expectations": content["expectations"][::-1]})


@pytest.mark.parametrize("form", [_with_remarks, _in_one_line, _the_other_way_round])
def test_form_alone_changes_nothing(kennel: Kennel, form: Callable[[str], str]) -> None:
    """Remarks, layout and order are none of a rule's."""
    kennel.suite("standardized", NAMED)
    before, path = hashes(kennel), file_of(kennel)
    text = form(path.read_text())
    assert text != path.read_text()
    path.write_text(text)
    assert hashes(kennel) == before


def test_rule_that_becomes_common_changes_nothing(kennel: Kennel) -> None:
    """The gate runs the same rules."""
    kennel.suite("standardized", NAMED)
    before = hashes(kennel)
    kennel.suite("standardized")
    write_suite(kennel.settings.expectations_dir, COMMON, "standardized", NAMED)
    assert hashes(kennel) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"severity": "warning", "meta": {**NAMED["meta"], "on_failure": None}},
        {"kwargs": {"column": "weight_pounds"}},
        {"type": "expect_column_values_to_be_unique"},
        {"meta": {**NAMED["meta"], "statement": "Said otherwise."}},
        {"meta": {**NAMED["meta"], "on_failure": "wait"}},
        {"meta": {**NAMED["meta"], "grain": "dog"}},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_any_change_of_a_rule_changes_them(kennel: Kennel, changed: dict[str, Any]) -> None:
    """Whatever a rule says, a person looked at it as it was."""
    kennel.suite("standardized", NAMED)
    before = hashes(kennel)
    kennel.suite("standardized", {**NAMED, **changed})
    assert not set(hashes(kennel)) & set(before)


def test_query_of_our_own_type_is_part_of_them(
    kennel: Kennel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that asks something else is another rule, though its file stays."""
    kennel.suite("standardized", rule("expect_times_to_exist", "row", "times", columns=["name"]))
    before = hashes(kennel)
    monkeypatch.setitem(QUERIES, "expect_times_to_exist", lambda *, columns: "select {batch}")
    assert not set(hashes(kennel)) & set(before)


# Files of before


def write_former(kennel: Kennel, text: str | None = None) -> None:
    """All suites of dogs as the last version had them, without common ones."""
    for layer in SUITES:
        rules = [ALWAYS, NAMED] if layer == "standardized" else [ALWAYS]
        file_of(kennel, layer).write_text(yaml.safe_dump({"rules": list(map(former, rules))}))
        (kennel.settings.expectations_dir / COMMON / f"{SUITES[layer]}.yaml").unlink()
    if text is not None:
        file_of(kennel).write_text(text)


def test_file_of_before_holds_all_rules_of_its_gate(kennel: Kennel) -> None:
    """It reads as what it says; no common suite is needed beside it."""
    kennel.suite("standardized", NAMED)
    today = load_suite(kennel.settings, "dogs", "standardized")
    write_former(kennel)
    assert load_suite(kennel.settings, "dogs", "standardized") == today


@pytest.mark.parametrize(
    ("severity", "strength", "said"),
    [("warning", "row", "go together"), ("critical", "warning", "go together"),
     ("critical", "grave", "meta.strength: is 'grave'")],
)  # fmt: skip
def test_file_of_before_is_held_to_its_own_rules(
    kennel: Kennel, severity: str, strength: str, said: str
) -> None:
    """A contradiction is told, never resolved in silence."""
    given = former(NAMED) | {"severity": severity}
    given["meta"] = {**given["meta"], "strength": strength}
    write_former(kennel, yaml.safe_dump({"rules": [given]}))
    with pytest.raises(ConfigurationError, match=rf"rules\.name_present.*{said}"):
        load_suite(kennel.settings, "dogs", "standardized")


COMMENTED = textwrap.dedent("""\
    # Dogs after standardizing.
    rules:
      - type: expect_column_to_exist
        kwargs: {column: dog_id}
        severity: critical
        meta:
          rule_id: key_is_there
          strength: table  # nothing goes without
          statement: Said in the test.
          reason: Said in the test.
          fault: Said in the test.

      # Names are given by people.
      - {type: expect_column_values_to_not_be_null, kwargs: {column: name}, severity: critical,
         meta: {rule_id: name_present, strength: row, statement: Said in the test.,
                reason: Said in the test., fault: Said in the test.}}
      - {type: expect_column_to_exist, kwargs: {column: name}, severity: warning,
         meta: {strength: warning, rule_id: name_is_there, statement: '{strength}',
                reason: Said in the test., fault: Said in the test.}}
""")


def test_upgraded_file_says_the_same_and_keeps_its_comments(kennel: Kennel) -> None:
    """Line by line what it was, but for the strengths; the file as it was is beside it."""
    write_former(kennel, COMMENTED)
    before = load_suite(kennel.settings, "dogs", "standardized")
    written = upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)
    assert written == ("raw.yaml", "standardized.yaml", "publishable.yaml")
    assert load_suite(kennel.settings, "dogs", "standardized") == before
    path = file_of(kennel)
    text = path.read_text()
    assert text.startswith("# Dogs after standardizing.\nname: dogs.standardized\nexpectations:\n")
    assert "  # Names are given by people.\n" in text
    assert text.count("strength") == 1
    assert path.with_name(f"{path.name}{BACKUP}").read_text() == COMMENTED
    assert not upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)


def test_file_laid_out_otherwise_is_written_out(kennel: Kennel) -> None:
    """An alias cannot be edited in its place: the rules count, and the backup has the comments."""
    text = "# Dogs.\nrules:\n  - &one {a}\n".replace("{a}", str(former(NAMED)).replace("None", "~"))
    shared = text.replace("'kwargs': {'column': 'name'}", "'kwargs': &k {'column': 'name'}")
    other = str(former(rule("expect_column_to_exist", "table", "x", column="y")))
    shared += "  - " + other.replace("{'column': 'y'}", "*k") + "\n"
    write_former(kennel, shared)
    before = load_suite(kennel.settings, "dogs", "standardized")
    upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)
    assert load_suite(kennel.settings, "dogs", "standardized") == before


def test_what_was_recorded_before_an_upgrade_counts_on(kennel: Kennel) -> None:
    """Both hashes of before are known as those of the same rules, and of no others."""
    write_former(kennel)
    gate, rules = hashes(kennel)
    upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)
    found = (kennel.settings, kennel.state, kennel.dataset)
    assert suite_hashes(*found, "standardized", classes="")[1:] == [gate]
    assert rules_hashes(*found)[1:] == [rules]
    kennel.suite("standardized", NAMED, ALWAYS | {"meta": {**ALWAYS["meta"], "rule_id": "new"}})
    assert suite_hashes(*found, "standardized", classes="")[1:] == []
    assert rules_hashes(*found)[1:] == []


def test_dry_run_writes_nothing(kennel: Kennel) -> None:
    """It says which files it would write."""
    write_former(kennel)
    root = kennel.settings.expectations_dir
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=True)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert not UpgradeStore(kennel.state).former_hashes(rules_hash(kennel.settings, kennel.dataset))


def test_upgrade_wants_every_suite_of_a_dataset(kennel: Kennel) -> None:
    """Where one is missing nothing is written; where all are, suites are none of its business."""
    write_former(kennel)
    file_of(kennel, "raw").unlink()
    with pytest.raises(ConfigurationError, match=r"expectations/dogs/raw\.yaml: cannot be read"):
        upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)
    assert file_of(kennel).read_text().startswith("rules:")
    for layer in ("standardized", "deduplicated"):
        file_of(kennel, layer).unlink()
    assert upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False) == ()


def test_killed_upgrade_is_ended_by_the_next(
    kennel: Kennel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the files written: the hashes were noted before the first."""
    write_former(kennel)
    _, rules = hashes(kennel)
    writes = iter(range(1))

    def dies(*given: Any) -> None:
        if next(writes, None) is None:
            raise KeyboardInterrupt
        real(*given)

    real = upgrading.replace_file
    monkeypatch.setattr(upgrading, "replace_file", dies)
    with pytest.raises(KeyboardInterrupt):
        upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)
    monkeypatch.setattr(upgrading, "replace_file", real)
    upgrade_suites(kennel.settings, kennel.state, kennel.dataset, dry_run=False)
    assert rules in rules_hashes(kennel.settings, kennel.state, kennel.dataset)


@pytest.mark.parametrize("dataset_id", load_datasets(Settings.from_environment().datasets_dir))
def test_suites_that_came_with_the_last_version_count_on(
    kennel: Kennel, tmp_path: Path, dataset_id: str
) -> None:
    """Where the rules of today say what its files said; a rule that changed since ends that."""
    settings = replace(Settings.from_environment(), home=kennel.settings.home)
    dataset = load_datasets(settings.datasets_dir)[dataset_id]
    rules, files = former_suites._kept()
    old = replace(settings, expectations_dir=tmp_path / "old")
    for layer, name in SUITES.items():
        suite_path(old, dataset_id, layer).parent.mkdir(parents=True, exist_ok=True)
        suite_path(old, dataset_id, layer).write_text(files[f"{dataset_id}/{name}"])
    same = {
        layer: load_suite(settings, dataset_id, layer).hash == rules[f"{dataset_id}/{name}"]
        for layer, name in SUITES.items()
    }
    for layer, is_same in same.items():
        found = suite_hashes(settings, kennel.state, dataset, layer, classes="c")
        assert (suite_hash(old, dataset, layer, classes="c") in found) == is_same
    found = rules_hashes(settings, kennel.state, dataset)
    assert (rules_hash(old, dataset) in found) == all(same.values())

"""Upgrades the suites of a dataset: the same rules in Great Expectations' own form.

A suite of before holds every rule of its gate, and keeps them all: the common suites beside it are made
empty where there are none. First the hashes of before are noted, each with that of now, then the files
are replaced: killed anywhere, the next call goes on.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestration.classification.in_force import classes_in_force
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.gates.rule_hashes import rules_hash, suite_hash
from orchestration.gates.suites import COMMON, SUITES, former_suite, load_suite, suite_path
from orchestration.settings import Settings
from orchestration.state.store import State
from orchestration.state.upgrades import UpgradeStore
from orchestration.upgrading.files import backup_path, replace_file, write_whole
from orchestration.upgrading.suite_file import as_gx_suite

BACKUP = ".before-gx"


def upgrade_suites(
    settings: Settings, state: State, dataset: Dataset, *, dry_run: bool
) -> tuple[str, ...]:
    """Writes the suites of a dataset anew that have the form of before; returns their names.

    Raises:
        ConfigurationError: one of them is wrong or missing, or the common suites hold more rules.
    """
    former = {layer: former_suite(settings, dataset.id, layer) for layer in SUITES}
    before = {layer: one.decode() for layer, one in former.items() if one is not None}
    if not before:
        return ()
    for layer in SUITES:
        load_suite(settings, dataset.id, layer)
    after = {layer: _rewritten(dataset.id, layer, text) for layer, text in before.items()}
    same = _same_hashes(settings, state, dataset, after)
    if not dry_run:
        UpgradeStore(state).note_same(same)
        for path, text in _common(settings).items():
            write_whole(path, text.encode())
        for layer, text in after.items():
            path = suite_path(settings, dataset.id, layer)
            kept = backup_path(path, before[layer], BACKUP)
            replace_file(path, before[layer], text, kept)
    return tuple(f"{SUITES[layer]}.yaml" for layer in after)


def _rewritten(dataset_id: str, layer: str, text: str) -> str:
    name = SUITES[layer]
    return as_gx_suite(
        text, file=f"expectations/{dataset_id}/{name}.yaml", name=f"{dataset_id}.{name}"
    )


def _common(settings: Settings) -> dict[Path, str]:
    """The common suites that are not there yet, by path: they hold no rule."""
    paths = {name: settings.expectations_dir / COMMON / f"{name}.yaml" for name in SUITES.values()}
    return {
        path: f"name: {COMMON}.{name}\nexpectations: []\n"
        for name, path in paths.items()
        if not path.exists()
    }


def _same_hashes(
    settings: Settings, state: State, dataset: Dataset, after: Mapping[str, str]
) -> dict[str, str]:
    """The hashes of the suites and the rules as they are, each with that of the files to be."""
    classes = classes_in_force(settings, state, dataset).hash

    def hashes(of: Settings) -> list[str]:
        suites = [suite_hash(of, dataset, layer, classes=classes) for layer in after]
        return [*suites, rules_hash(of, dataset)]

    with TemporaryDirectory(prefix="summerware-upgrade-") as folder:
        to_be = replace(settings, expectations_dir=Path(folder))
        for path, text in _common(settings).items():
            write_whole(to_be.expectations_dir / COMMON / path.name, text.encode())
        for layer in SUITES:
            for of in (COMMON, dataset.id):
                target = suite_path(to_be, of, layer)
                if not target.exists():
                    write_whole(target, suite_path(settings, of, layer).read_bytes())
        for layer, text in after.items():
            write_whole(suite_path(to_be, dataset.id, layer), text.encode())
            if load_suite(settings, dataset.id, layer) != load_suite(to_be, dataset.id, layer):
                raise ConfigurationError(
                    f"expectations/{dataset.id}/{SUITES[layer]}.yaml: the common suites hold rules "
                    "beyond it, so that it would say more; move them into the suites of the datasets "
                    "that have them"
                )
        pairs = zip(hashes(settings), hashes(to_be), strict=True)
        return {former: present for former, present in pairs if former != present}

"""What `summerware check` finds with Great Expectations and dbt, told by the command itself."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from orchestration.dataset import load_datasets
from orchestration.settings import PACKAGE, PROJECT

FIRST, SECOND, *_ = sorted(load_datasets(PACKAGE / "datasets"))


def check(tmp_path: Path, **folders: Path) -> subprocess.CompletedProcess[str]:
    settings = {f"SUMMERWARE_{name}": str(folder) for name, folder in folders.items()}
    return subprocess.run(
        [Path(sys.executable).with_name("summerware"), "check"],
        env={**os.environ, **settings, "SUMMERWARE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


BY_HAND = "models/intermediate/int_use_of_force__incidents.sql"


def copied_models(tmp_path: Path) -> Path:
    leave = shutil.ignore_patterns("target", "logs")
    return shutil.copytree(PROJECT / "dbt_project", tmp_path / "dbt_project", ignore=leave)


def test_project_is_in_order(tmp_path: Path):
    """The project's own files hold no mistake."""
    ended = check(tmp_path)
    said = "Dataset files, suites and models are in order.\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, said, "")


def test_wrong_expectations_and_wrong_sql(tmp_path: Path):
    """An unknown type, an unknown argument and a model that is no SQL: one line each."""
    suites = shutil.copytree(PROJECT / "expectations", tmp_path / "expectations")
    first = suites / FIRST / "standardized.yaml"
    first.write_text(re.sub(r"type: \w+", "type: expect_wonders", first.read_text(), count=1))
    second = suites / SECOND / "standardized.yaml"
    second.write_text(second.read_text().replace("kwargs: {", "kwargs: {mustly: 1, ", 1))
    models = copied_models(tmp_path)
    (models / BY_HAND).write_text("selct 1 as _line\n")
    ended = check(tmp_path, EXPECTATIONS=suites, DBT_PROJECT=models)
    assert (ended.returncode, ended.stdout) == (2, "")
    unknown_type, unknown_argument, no_sql = ended.stderr.splitlines()
    assert re.match(
        rf"expectations/{FIRST}/standardized.yaml: \w+: type: expect_wonders", unknown_type
    )
    assert re.match(
        rf"expectations/{SECOND}/standardized.yaml: \w+: kwargs.mustly: extra", unknown_argument
    )
    assert no_sql.startswith(f"dbt_project/{BY_HAND}: Parser Error")


def test_broken_template(tmp_path: Path):
    """A model that dbt cannot parse is named with its file, on one line."""
    models = copied_models(tmp_path)
    with (models / BY_HAND).open("a") as file:
        file.write("{% if %}")
    ended = check(tmp_path, DBT_PROJECT=models)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert BY_HAND in ended.stderr


def test_macro_that_is_not_there(tmp_path: Path):
    """What dbt only sees while it fills a model in is found as well."""
    models = copied_models(tmp_path)
    with (models / BY_HAND).open("a") as file:
        file.write("{{ no_such_macro() }}")
    ended = check(tmp_path, DBT_PROJECT=models)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert BY_HAND in ended.stderr


def test_an_edited_model_is_told(tmp_path: Path):
    """What runs is generated anew; nobody should read something else, or edit in vain."""
    models = copied_models(tmp_path)
    with (models / "models" / "marts" / f"{FIRST}.sql").open("a") as file:
        file.write("limit 1\n")
    ended = check(tmp_path, DBT_PROJECT=models)
    assert ended.returncode == 0
    assert f"{FIRST}: 1 file of dbt_project is not what" in ended.stderr
    assert f"summerware generate {FIRST}" in ended.stderr

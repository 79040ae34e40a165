"""The home, whatever it is called and however it was made: nobody else reads it, and all works in it."""

from pathlib import Path

import pytest

from orchestration.duck import connect
from orchestration.instance import open_instance
from orchestration.layers import finish_folder, workspace
from orchestration.settings import Settings
from orchestration.state.database import open_database

NAMES = ["a?b", "a?{b}&c=d", "$HOME", '"q"', "it's", "a b", "#c", "%41", "[x]*", "é", "{{ x }}"]


@pytest.mark.parametrize("name", NAMES)
def test_home_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its state, Dagster's databases, a step's DuckDB and finished files are all made, and in it."""
    home = tmp_path / name
    monkeypatch.setenv("SUMMERWARE_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", "")
    settings = Settings.from_environment().prepare()
    open_database(settings).dispose()
    with open_instance(settings) as instance:
        assert instance.get_runs() == []
    with workspace(settings, "run") as folder:
        with connect(folder / "step.duckdb") as connection:
            connection.execute("create table t as select 1 as a")
        kept = folder / "kept.parquet"
        kept.write_bytes(b"rows")
        finish_folder([kept], settings.layers / "trees")
    assert (home / "layers" / "trees" / "kept.parquet").read_bytes() == b"rows"
    assert (home / "state.db").is_file()
    assert list((home / "dagster").rglob("*.db"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_home_that_is_there_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders 0700 and files 0600, all the way down; what a link leads to is not ours."""
    home, outside = tmp_path / "home", tmp_path / "outside.txt"
    deep = home / "extracts" / "trees"
    deep.mkdir(parents=True)
    for file in (home / "hash.key", deep / "rows.parquet", outside):
        file.write_text("x")
        file.chmod(0o644)
    (home / "link").symlink_to(outside)
    for folder in (deep, deep.parent, home):
        folder.chmod(0o755)
    monkeypatch.setenv("SUMMERWARE_HOME", str(home))
    Settings.from_environment().prepare()
    assert [one.stat().st_mode & 0o777 for one in (home, deep.parent, deep)] == [0o700] * 3
    files = (home / "hash.key", deep / "rows.parquet")
    assert [one.stat().st_mode & 0o777 for one in files] == [0o600] * 2
    assert outside.stat().st_mode & 0o777 == 0o644

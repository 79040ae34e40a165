"""Every bomb and every damaged file at full size, in a run of its own beside a sound dataset.

Each is below 10 MB. The run ends within 120 s and 1.5 GB with exit code 0, 1 or 2, or 3 and one
sentence; the other dataset is published.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.dataset import load_datasets
from orchestration.settings import PACKAGE
from tests.acceptance.city import City
from tests.bombs import BOMBS, MB
from tests.hostile import obeyed_signs

FULL = 3_000
"""Megabytes: more than a file may unpack to."""
HIT, SOUND = sorted(load_datasets(PACKAGE / "datasets"))[-2:]
SECONDS, MEMORY = 120, 1_500 * MB
RUN = """
import json, resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
took = used.ru_utime + used.ru_stime
print(json.dumps([ended.returncode, ended.stdout, ended.stderr, used.ru_maxrss * 1024, took]))
"""


@pytest.fixture(scope="module")
def sound_city(new_city: Callable[[], City]) -> City:
    """A city in which a sound extract of the other dataset is at hand, and nothing has run."""
    city = new_city()
    sample = [Path(sys.executable).parent / "summerware", "sample", "--rows", "500"]
    out = city.root / "sample"
    subprocess.run([*sample, "--out", str(out)], check=True, capture_output=True)
    found = next(path for path in out.rglob(f"*{SOUND}*.csv.gz") if "truth" not in path.parts)
    city.drop("one", SOUND, found)
    return city


def run_measured(city: City, *words: str) -> tuple[int, str, str, int, float]:
    """A command in a process of its own: exit code, what it said, peak memory, seconds of its work.

    What the machine does beside it is not the command's.
    """
    command = [str(Path(sys.executable).parent / "summerware"), *words]
    environment = {**os.environ, "SUMMERWARE_HOME": str(city.home)}
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *command],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    code, out, err, peak, seconds = json.loads(ended.stdout)
    return code, out, err, peak, seconds


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "bomb"), BOMBS.values(), ids=BOMBS)
def test_bomb_ends_alone(sound_city: City, tmp_path: Path, name: str, bomb: Any) -> None:
    """The dataset it came for says what is wrong; nobody else is hit."""
    dataset = load_datasets(PACKAGE / "datasets")[HIT]
    headings = [column.source for column in dataset.landed if column.source]
    content = bomb(headings, FULL)
    assert len(content) < 10 * MB
    city = City(tmp_path, sound_city._environment)
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / SOUND).symlink_to(sound_city.root / "extracts" / "one" / SOUND)
    (tmp_path / "drop" / HIT).mkdir()
    (tmp_path / "drop" / HIT / f"2022-09-01_{name}").write_bytes(content)
    code, out, err, peak, seconds = run_measured(
        city, "run", HIT, SOUND, "--extracts", str(tmp_path / "drop"), "--json"
    )
    print(f"{code} {peak / MB:,.0f} MB {seconds:.0f} s")  # noqa: T201 - the campaign's figures
    told = {one["dataset"]: one for one in json.loads(out)["datasets"]}
    assert code in (0, 1, 2) or told[HIT]["stopped_by"], err
    assert "Traceback" not in err
    assert obeyed_signs(err) == set()
    assert told[SOUND]["publication"]["state"] in ("verified", "held"), err
    assert peak <= MEMORY
    assert seconds <= SECONDS


@pytest.mark.soak
def test_a_damaged_home_is_told(sound_city: City, tmp_path: Path) -> None:
    """Every file that a finished run keeps cut in half: each report ends in one sentence."""
    city = City(tmp_path, sound_city._environment)
    folder = sound_city.root / "extracts" / "one"
    assert run_measured(city, "run", SOUND, "--extracts", str(folder))[0] == 0
    for path in city.home.rglob("*.parquet"):
        content = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(content[: len(content) // 2])
    for words in (["ledger"], ["why"], ["plan"], ["verify"], ["drift"], ["review", "list"]):
        given = [*words, SOUND, *(["[/red]\x1b[31m"] if words == ["why"] else [])]
        code, out, err, _, _ = run_measured(city, *given)
        assert code in (0, 1, 2, 3), words
        assert "Traceback" not in out + err
        assert obeyed_signs(out + err) == set()
        if code == 3:
            assert err.strip().count("\n") == 0, err

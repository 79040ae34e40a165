"""Dataset files: every mistake is named, and the repository holds what they promise.

What the dbt project owes a dataset file stands in `test_models_repository.py`.
"""

import ast
import copy
import re
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.checking import find_mistakes
from orchestration.dataset import Dataset, load_dataset, load_datasets, plain_heading
from orchestration.errors import ConfigurationError
from orchestration.gates.suites import COMMON, SUITES, load_suite
from orchestration.settings import PACKAGE, PROJECT, Settings

DATASETS = load_datasets(PACKAGE / "datasets")

DOGS: dict[str, Any] = {
    "id": "dogs",
    "title": "Dogs",
    "description": "One row per dog.",
    "owner": {"team": "Kennel", "email": "kennel@example.org"},
    "schedule": "0 6 * * *",
    "source": {"kind": "complete"},
    "grain": {"published": "dog", "line": "dog"},
    "key": "dog_id",
    "limits": {"quarantined_share": 0.1, "volume_drop_share": 0.1, "stale_days": 9},
    "columns": [
        {"name": "dog_id", "source": "Dog", "privacy": "publish", "description": "Its number."},
        {"name": "name", "source": "Name", "privacy": "publish", "description": "Its name."},
    ],
    "policies": [
        {
            "id": "no_strays",
            "action": "withhold",
            "column": "name",
            "values": ["STRAY"],
            "statement": "Strays are not shown.",
            "authority": "Kennel order 1",
            "source": "https://example.org",
            "approved_by": "Ana",
            "approved_on": date(2026, 1, 1),
            "review_on": date(2027, 1, 1),
        }
    ],
    "publish": {
        "domain": "example.org",
        "id": "aaaa-0001",
        "title": "Dogs",
        "description": "All of them.",
        "licence": "Public domain",
        "attribution": "Kennel",
        "category": "Animals",
        "row_label": "Dog",
        "contact": "kennel@example.org",
    },
}


def changed(**changes: Any) -> dict[str, Any]:
    """The dogs' file with some of its values replaced; a key `a__b` is `b` inside `a`."""
    content = copy.deepcopy(DOGS)
    for name, value in changes.items():
        *path, last = [int(part) if part.isdigit() else part for part in name.split("__")]
        place: Any = content
        for part in path:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return content


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Dataset]:
    """Writes the dogs' file with changes and loads it."""

    def write(**changes: Any) -> Dataset:
        path = tmp_path / "dogs.yaml"
        path.write_text(yaml.safe_dump(changed(**changes)), encoding="utf-8")
        return load_dataset(path)

    return write


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"colour": "red"}, "colour: unknown key; remove it or correct its spelling"),
    "unknown key of a column": ({"columns__1__privat": "none"}, "columns.1.privat: unknown key"),
    "unknown key of a policy": ({"policies__0__why": "so"}, "policies.0.why: unknown key"),
    "missing key": ({"key": None}, "key: Field required"),
    "missing privacy": ({"columns__1__privacy": None}, "columns.1.privacy: Field required"),
    "missing description": ({"columns__1__description": None}, "columns.1.description: Field"),
    "policy without authority": ({"policies__0__authority": None}, "policies.0.authority: Field"),
    "policy without statement": ({"policies__0__statement": None}, "policies.0.statement: Field"),
    "wrong choice": ({"columns__1__privacy": "secret"}, "columns.1.privacy: Input should be"),
    "share above one": ({"limits__quarantined_share": 1.5}, "limits.quarantined_share: Input"),
    "no days": ({"limits__stale_days": 0}, "limits.stale_days: Input should be greater than 0"),
    "name with blanks": ({"columns__1__name": "Dog Name"}, "columns.1.name: String should match"),
    "no 4x4": ({"publish__id": "dogs"}, "publish.id: String should match"),
    "column twice": ({"columns__1__name": "dog_id"}, "columns: a name stands twice: ['dog_id']"),
    "heading twice": (
        {"columns__1__aliases": [" DOG. "]},
        "columns: a heading means two columns: ['dog']",
    ),
    "heading of a name": (
        {"columns__1__source": "dog-id"},
        "columns: a heading means two columns: ['dog_id']",
    ),
    "key without a column": ({"key": "chip"}, "key: no column is named 'chip'"),
    "key not published": (
        {"columns__0__privacy": "internal"},
        "key: the column 'dog_id' must be published",
    ),
    "key that is a number": (
        {"columns__0__type": "number"},
        "key: the column 'dog_id' must be of type text, also where it is made of digits",
    ),
    "derived key of nothing": (
        {"columns__0__source": None},
        "key_from: a key without a `source` is made of columns, and only such",
    ),
    "landed key of columns": ({"key_from": ["name"]}, "key_from: a key without a `source`"),
    "union of what is no list": (
        {"columns__1__survivorship": "union"},
        "columns.1: survivorship `union` puts parts of several lines into one cell",
    ),
    "union of places": (
        {"columns__1__survivorship": "union", "columns__1__list": {}},
        "columns.1: survivorship `union` puts parts of several lines into one cell",
    ),
    "list that goes with others by another line": (
        {"columns__1__survivorship": "filled", "columns__1__list": {"places": "dog"}},
        "columns.1: survivorship `filled` could take lists that go together from two lines",
    ),
    "set with places": (
        {"columns__1__list": {"set": True, "places": "dog"}},
        "columns.1.list: a `set` has no `places`",
    ),
    "list parted by a word": (
        {"columns__1__list": {"separator": " and "}},
        "columns.1.list: `separator` must be punctuation",
    ),
    "list parted by blanks": (
        {"columns__1__list": {"separator": "  "}},
        "columns.1.list: `separator` must be punctuation",
    ),
    "list parted twice": (
        {"columns__1__list": {}, "columns__1__spelling": {"separator": ", "}},
        "columns.1: `list` says what the parts are",
    ),
    "pattern of any word": (
        {"columns__1__domain": {"pattern": "[A-Za-z]+( [A-Za-z]+)*"}},
        "columns.1.domain: the `pattern` '[A-Za-z]+( [A-Za-z]+)*' fits the name of a person",
    ),
    "pattern of any text": (
        {"columns__1__domain": {"pattern": ".{1,40}"}},
        "columns.1.domain: the `pattern` '.{1,40}' fits the name of a person",
    ),
    "list of another domain": (
        {"columns__1__list": {}, "columns__1__domain": {"pattern": "x", "separator": ", "}},
        "columns.1: `domain.separator` must be that of `list`",
    ),
    "list of numbers": (
        {"columns__1__list": {}, "columns__1__type": "number"},
        "columns.1: `list`: only a column of type text with a `source` is a list",
    ),
    "list that goes with no other": (
        {"columns__1__list": {"places": "dog"}},
        "columns: only 'name' is a list by the places 'dog'",
    ),
    "key that is a list": ({"columns__0__list": {}}, "key: the column 'dog_id' is a list"),
    "policy on a list": (
        {"columns__1__list": {}, "policies__0__column": "name"},
        "policies: the column 'name' is a list",
    ),
    "survivorship of a kind that is none": (
        {"columns__0__survivorship": "newest"},
        "columns.0.survivorship: Input should be 'latest', 'earliest', 'longest', 'filled' or 'union'",
    ),
    "format with a zone": (
        {"columns__1__formats": ["%m/%d/%Y %H:%M %z"]},
        "columns.1.formats: '%m/%d/%Y %H:%M %z': %z is none of",
    ),
    "formats in both orders": (
        {"columns__1__formats": ["%m/%d/%Y", "%d/%m/%Y %H:%M"]},
        "columns.1.formats: days and months stand in one order",
    ),
    "month of no column": (
        {"columns__1__month_from": {"column": "chip", "letters": "ABCDEFGHIJKL"}},
        "columns.month_from: no column is named 'chip'",
    ),
    "month of eleven letters": (
        {"columns__1__month_from": {"column": "dog_id", "letters": "ABCDEFGHIJK"}},
        "columns.1.month_from.letters: String should have at least 12",
    ),
    "version by no column": ({"version_order": ["at"]}, "version_order: no column is named 'at'"),
    "policy on no column": ({"policies__0__column": "owner"}, "policies: no column is named"),
    "policy redacts no column": (
        {"policies__0__redacts": ["chip"]},
        "policies: no column is named",
    ),
    "window without days": (
        {"source": {"kind": "window"}},
        "source: kind `window` and the key `window` go together",
    ),
    "window on no column": (
        {"source": {"kind": "window", "window": {"column": "at", "days": 3}}},
        "source.window: no column is named 'at'",
    ),
    "no target": ({"publish__id": None}, "publish: exactly one of `id` and `partition`"),
    "two targets": (
        {"publish__partition": {"column": "name", "ids": {2026: "aaaa-0002"}}},
        "publish: exactly one of `id` and `partition`",
    ),
    "another id": ({"id": "cats"}, "id: is 'cats', but the file says 'dogs'"),
}


def test_good_file_is_loaded(load: Callable[..., Dataset]):
    """What every mistake below starts from is right."""
    assert [column.name for column in load().published] == ["dog_id", "name"]


@pytest.mark.parametrize(("changes", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_names_file_and_key(
    load: Callable[..., Dataset], changes: dict[str, Any], said: str
):
    """One line: the file, the key, what is wrong."""
    with pytest.raises(ConfigurationError) as raised:
        load(**changes)
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"dogs.yaml: {said}")


def test_every_mistake_of_a_file_is_told(load: Callable[..., Dataset]):
    """Two mistakes are two lines."""
    with pytest.raises(ConfigurationError) as raised:
        load(colour="red", limits__stale_days=0)
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    "content", [b"id: [", b"\xff\xfe", b"", b"- dogs"], ids=["open", "bytes", "empty", "list"]
)
def test_file_that_is_no_mapping(tmp_path: Path, content: bytes):
    """No traceback for what is not YAML, or not a dataset."""
    path = tmp_path / "dogs.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^dogs\.yaml: "):
        load_dataset(path)


def test_folder_without_dataset_files(tmp_path: Path):
    """An empty folder is a mistake of the setting."""
    with pytest.raises(ConfigurationError, match="holds no dataset file"):
        load_datasets(tmp_path)


@pytest.mark.parametrize(
    "text", ["PIB File Number", "pib_file_number", "\ufeffPIB-File Number ", "PIB  file.number"]
)
def test_headings_are_told_apart_by_letters_alone(text: str):
    """Case, blanks, punctuation and a byte order mark do not make another heading."""
    assert plain_heading(text) == "pib_file_number"


# The repository


def tracked() -> list[Path]:
    """Every file that git would publish."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a checkout: git lists no files")
    paths = [PROJECT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("dataset_id", DATASETS)
def test_dataset_has_suites_and_a_sample(dataset_id: str):
    """A dataset without gates could publish anything; one without a sample cannot be tried."""
    settings = Settings.from_environment()
    assert all(load_suite(settings, dataset_id, layer).rules for layer in SUITES)
    spec = PACKAGE / "sources" / "sample" / f"{dataset_id}.yaml"
    assert isinstance(yaml.safe_load(spec.read_text(encoding="utf-8")), dict)


def test_nothing_is_left_of_a_dataset_that_is_gone():
    """A suite folder or sample without a dataset file is dead."""
    suites = {path.name for path in (PROJECT / "expectations").iterdir() if path.is_dir()}
    samples = {path.stem for path in (PACKAGE / "sources" / "sample").glob("*.yaml")}
    assert suites == {COMMON, *DATASETS}
    assert samples == set(DATASETS)


def test_check_names_what_a_new_dataset_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
):
    """A dataset file alone: each missing suite is a line with its path, and so is the model by hand."""
    adding_up = {**DOGS, "grain": {"published": "litter", "line": "dog"}}
    (tmp_path / "dogs.yaml").write_text(yaml.safe_dump(adding_up), encoding="utf-8")
    monkeypatch.setenv("SUMMERWARE_DATASETS", str(tmp_path))
    mistakes = find_mistakes(Settings.from_environment())
    assert len([line for line in mistakes if line.startswith("expectations/dogs/")]) == 3
    path = "dbt_project/models/intermediate/int_dogs__litters.sql"
    assert [line for line in mistakes if line.startswith(f"{path}: is missing; dogs needs it")]


CROSSING = [
    ("SPOT", "STRAY", "apply", True),
    ("STRAY", "SPOT", "apply", True),
    ("SPOTT", "SPOT", "apply", True),
    ("SPOT", "REX", "apply", False),
    ("STRAY", "SPOT", "keep", False),
]
"""From, to and verdict of a decision about names, and whether it leads into another class."""


@pytest.mark.parametrize(
    ("wrong", "right", "verdict", "is_told"),
    CROSSING,
    ids=["into a policy", "out of one", "from an unknown one", "within", "kept"],
)
def test_check_names_decisions_that_cross_a_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path,
    wrong: str, right: str, verdict: str, is_told: bool,
):  # fmt: skip
    """The engine does not follow such a line of the decisions file; nobody shall think that it does."""
    dogs = copy.deepcopy(DOGS)
    dogs["columns"][1]["spelling"] = {}
    dogs["policies"] = dogs["policies"][:1]
    (tmp_path / "dogs.yaml").write_text(yaml.safe_dump(dogs), encoding="utf-8")
    (tmp_path / "dogs.classes.csv").write_text(
        "column,value,class,source,until\nname,SPOT,harmless,Kennel,\nname,REX,harmless,Kennel,\n"
        "name,STRAY,no_strays,Kennel,\n"
    )
    (tmp_path / "dogs.decisions.csv").write_text(
        "kind,column,from,to,verdict,by,on,reason\n"
        f"spelling,name,{wrong},{right},{verdict},Ana,2026-11-02,So it is.\n"
    )
    monkeypatch.setenv("SUMMERWARE_DATASETS", str(tmp_path))
    told = [one for one in find_mistakes(Settings.from_environment()) if "decisions.csv" in one]
    assert [one.split(" would ")[0] for one in told] == (
        ["dogs.decisions.csv: line 2:"] if is_told else []
    )
    assert not any(word in one for one in told for word in ("STRAY", "SPOT"))


# An id may be a plain word, which prose may hold; between signs, or as a table, it is an id.
_ANY = "|".join(DATASETS)
NAMES_A_DATASET = re.compile(rf"(?<![a-z ])(?:{_ANY})(?![a-z ])|(?:from|join) (?:{_ANY})\b")


@pytest.mark.parametrize("form", ["{}", "stg_{}", "select * from {} where", "datasets/{}.yaml"])
def test_dataset_id_is_recognized(form: str):
    """The pattern above finds what it is for."""
    assert all(NAMES_A_DATASET.search(form.format(one)) for one in DATASETS)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_dataset_id_in_python(path: Path):
    """Adding a dataset touches no Python: no string of the code names one; prose may."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]
    assert [text for text in texts if NAMES_A_DATASET.search(text)] == []


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_policies_say_who_decided_what_and_on_what_ground(dataset: Dataset):
    """No row is withheld without a sentence, an authority and a place to read both."""
    for policy in dataset.policies:
        said = (policy.statement, policy.authority, policy.source, policy.approved_by)
        assert all(text.strip() for text in said), policy.id
        assert policy.approved_on < policy.review_on, policy.id
    ids = [policy.id for policy in dataset.policies]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_column_is_described(dataset: Dataset):
    """A sentence for the reader of the portal."""
    assert [one.name for one in dataset.columns if not re.search(r"\w.*\.$", one.description)] == []


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_timestamps_name_their_zone(dataset: Dataset):
    """A local time without its zone is read wrongly twice a year."""
    at = [one for one in dataset.published if one.type == "timestamp"]
    assert [one.name for one in at if "America/Chicago" not in one.description] == []


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_only_columns_never_published_are_kept_internal(dataset: Dataset):
    """On any other column the switch would mean nothing."""
    kept = [one for one in dataset.columns if one.keep_internal]
    assert {one.privacy for one in kept} <= {"never"}


# Host names and folders are put together here, so that this file does not hold them.
OF_ONE_MACHINE = ("/" + "work/", "/" + "root/", "pypi" + ".org", "files.python" + "hosted")


def test_no_path_of_a_machine_and_no_package_host():
    """What is published works on any machine, with any package index."""
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.name}: {one}" for one in OF_ONE_MACHINE if one in text]
    assert found == []


LOCKS = sorted((PROJECT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_lock_has_a_hash_for_every_package_and_no_index(path: Path):
    """An index's address in the lock would tie it to one machine; a hash ties it to the content."""
    logical = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    packages = [line for line in logical if line.strip() and not line.startswith("#")]
    assert packages
    pinned = re.compile(r"^[A-Za-z0-9_.\[\],-]+==\S+( ; .*?)?\s+--hash=sha256:[0-9a-f]{64}")
    assert [line for line in packages if not pinned.match(line)] == []
    assert "://" not in path.read_text(encoding="utf-8")


def test_lock_holds_every_dependency():
    """`pyproject.toml` and the lock agree: after a change of the first, `make lock`."""
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9_.-]", one, maxsplit=1)[0].lower() for one in wanted}
    text = (PROJECT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    locked = {match.lower() for match in re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)}
    assert names - locked == set()

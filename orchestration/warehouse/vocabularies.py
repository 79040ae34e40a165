"""Vocabularies: the values that are right, with where each comes from, and the forms of streets.

The files are seeds of the dbt project (`seeds/<name>.csv`, described in `seeds/seeds.yml`). They are
read here and never loaded by `dbt seed` in a run: a step's database holds only what its models ask
for, and what they ask of streets is defined by `define_streets` as functions, because a join loses
the order of the lines. What is done with a value that is in no vocabulary belongs to the suites and
to `orchestration/cleaning/`.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb

from orchestration.column import Spelling
from orchestration.dataset import Dataset
from orchestration.errors import ConfigurationError
from orchestration.lookup import define_lookup
from orchestration.settings import Settings

NEEDED = ("value", "source")
KNOWN = (*NEEDED, "code", "system", "kind", "better", "one_form", "usps")


STREETS = ("street_names", "street_suffixes", "street_directions")
"""What the functions of addresses are made of, whichever dataset is modelled."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One right value; `line` is its line in the file, the header being line 1."""

    line: int
    value: str
    source: str
    code: str | None = None
    system: str | None = None
    """Which code system the code is of, where a vocabulary has two."""
    kind: str | None = None
    better: str | None = None
    """A better spelling of an official value: proposed to its owner, never put in its place."""
    one_form: str | None = None
    """What the value is written as in published addresses."""
    usps: str | None = None


def vocabulary_path(settings: Settings, name: str) -> Path:
    """The file of a vocabulary, be it there or not."""
    return settings.dbt_project_dir / "seeds" / f"{name}.csv"


def load_vocabulary(settings: Settings, name: str) -> list[Entry]:
    """The entries of a vocabulary, in the order of its file.

    Raises:
        ConfigurationError: there is no such file, or it is wrong; names file and line.
    """
    entries, mistakes = _read(vocabulary_path(settings, name))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return entries


def members(settings: Settings, spelling: Spelling) -> list[Entry]:
    """The right values of a spelled column.

    Raises:
        ConfigurationError: one of its vocabularies is wrong, or not there.
    """
    return _chosen(settings, spelling.vocabulary, spelling.kinds)


def _chosen(settings: Settings, names: Iterable[str], kinds: Collection[str]) -> list[Entry]:
    return [
        entry
        for name in names
        for entry in load_vocabulary(settings, name)
        if not kinds or entry.kind in kinds
    ]


def official_values(settings: Settings, dataset: Dataset) -> dict[str, list[str]]:
    """The right values of every column that has a vocabulary, be it its domain's or its spelling's.

    Raises:
        ConfigurationError: a vocabulary is wrong, or not there.
    """
    return {
        column.name: [
            entry.value
            for named in (column.domain, column.spelling)
            if named
            for entry in _chosen(settings, named.vocabulary, named.kinds)
        ]
        for column in dataset.columns
    }


def named_vocabularies(suite: str) -> list[str]:
    """The vocabularies that the text of a suite asks the facts for, as `vocabulary_<name>`."""
    return sorted(set(re.findall(r"\bvocabulary_([a-z_]+)\b", suite)))


def find_vocabulary_mistakes(settings: Settings, datasets: Mapping[str, Dataset]) -> list[str]:
    """Every mistake in the seeds, and every vocabulary that is named and not there."""
    mistakes = []
    files = sorted((settings.dbt_project_dir / "seeds").glob("*.csv"))
    for path in files:
        mistakes += _read(path)[1]
    known = {path.stem for path in files}
    for dataset in datasets.values():
        for column in dataset.columns:
            for key in ("spelling", "domain"):
                named = getattr(column, key)
                for name in named.vocabulary if named else ():
                    if name not in known:
                        mistakes.append(
                            f"{dataset.id}.yaml: columns.{column.name}.{key}.vocabulary: "
                            f"dbt_project/seeds holds no {name}.csv"
                        )
    for path in sorted(settings.expectations_dir.glob("*/*.yaml")):
        if path.parent.name not in (*datasets, "common"):
            continue
        for name in named_vocabularies(path.read_text(encoding="utf-8", errors="replace")):
            if name not in known:
                mistakes.append(
                    f"expectations/{path.parent.name}/{path.name}: vocabulary_{name}: "
                    f"dbt_project/seeds holds no {name}.csv"
                )
    return mistakes


def _read(path: Path) -> tuple[list[Entry], list[str]]:
    place = f"dbt_project/seeds/{path.name}"
    try:
        content = path.read_bytes()
    except OSError:
        return [], [f"{place}: is missing"]
    entries, mistakes = _parse(place, content)
    return list(entries), list(mistakes)


@lru_cache(maxsize=64)
def _parse(place: str, content: bytes) -> tuple[Sequence[Entry], Sequence[str]]:
    """Entries and mistakes; a run asks for the same vocabulary some forty times."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [f"{place}: line {line}: is not UTF-8"]
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    entries: list[Entry] = []
    mistakes: list[str] = []
    try:
        header = next(reader, [])
        wrong = [name for name in header if name not in KNOWN]
        lacking = [name for name in NEEDED if name not in header]
        if wrong or lacking or len(set(header)) < len(header):
            return [], [
                f"{place}: line 1: the columns must be value and source, and may be "
                f"{', '.join(KNOWN[2:])}, each once"
            ]
        for cells in reader:
            where = f"{place}: line {reader.line_num}"
            if len(cells) != len(header):
                mistakes.append(f"{where}: {len(cells)} cells instead of {len(header)}")
                continue
            row = {name: cell or None for name, cell in zip(header, cells, strict=True)}
            missing = [name for name in NEEDED if not row[name]]
            if missing:
                mistakes.append(f"{where}: {' and '.join(missing)}: must not be empty")
                continue
            untidy = [name for name, cell in row.items() if cell and " ".join(cell.split()) != cell]
            if untidy:
                mistakes.append(f"{where}: {', '.join(untidy)}: blanks at an end, or two in a row")
                continue
            entries.append(Entry(line=reader.line_num, **row))  # type: ignore[arg-type]
    except csv.Error as error:
        mistakes.append(f"{place}: line {reader.line_num}: {error}")
    return entries, [*mistakes, *_contradictions(place, entries)]


def _contradictions(place: str, entries: Iterable[Entry]) -> Iterator[str]:
    """Entries that say the same twice, or two things of one value or code."""
    values: dict[tuple[str | None, str, str | None], Entry] = {}
    meanings: dict[tuple[str | None, str, str | None], Entry] = {}
    firsts: dict[tuple[str, str | None], Entry] = {}
    proposed: dict[str, Entry] = {}
    for entry in entries:
        where = f"{place}: line {entry.line}"
        twin = values.setdefault((entry.kind, entry.value.casefold(), entry.code), entry)
        first = firsts.setdefault((entry.value.casefold(), entry.kind), entry)
        if twin is not entry and twin.value == entry.value:
            yield f"{where}: {entry.value!r} stands in line {twin.line} already"
        elif first.value != entry.value:
            yield f"{where}: {entry.value!r} is {first.value!r} of line {first.line} in other case"
        elif (first.better, first.one_form) != (entry.better, entry.one_form):
            yield f"{where}: contradicts line {first.line} on what {entry.value!r} should be"
        if entry.code:
            meaning = meanings.setdefault((entry.system, entry.code, entry.kind), entry)
            if meaning.value != entry.value:
                yield (
                    f"{where}: code {entry.code!r} means {entry.value!r}, and {meaning.value!r} "
                    f"in line {meaning.line}"
                )
        if entry.better:
            proposed[entry.value] = entry
    for value, entry in proposed.items():
        if entry.better == value or entry.better in proposed:
            yield f"{place}: line {entry.line}: better: {entry.better!r} is itself to be bettered"


def define_streets(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Makes the functions that the address macros call, in the schema `streets`, from the vocabularies.

    known_street(text)    the street as the vocabulary writes it, whatever form its suffix, its
                          Saint, its direction and its case have; null where it is no known street
    suffix_form(word)     the one form of a street suffix; null where the word is none
    """
    connection.execute("create schema if not exists streets")
    define_lookup(
        connection, "streets.known_street(cell)", _street_forms(settings), of="upper(cell)"
    )
    suffixes = {one.value: one.one_form for one in load_vocabulary(settings, "street_suffixes")}
    define_lookup(connection, "streets.suffix_form(cell)", suffixes, of="upper(cell)")


def _street_forms(settings: Settings) -> dict[str, str]:
    """Every way to write a known street, in upper case, and how it is written here.

    A form that may be two streets is none: `West End Blvd` is no way to write `W End Blvd` where
    both are known, and a form that two streets share belongs to neither.
    """
    suffixes: dict[str, list[str]] = {}
    for entry in load_vocabulary(settings, "street_suffixes"):
        suffixes.setdefault(str(entry.one_form), []).append(entry.value)
    directions: dict[str, list[str]] = {}
    for entry in load_vocabulary(settings, "street_directions"):
        directions.setdefault(str(entry.one_form), []).append(entry.value)
    streets = [entry.value for entry in load_vocabulary(settings, "street_names")]
    forms: dict[str, str | None] = {}
    for street in streets:
        for form in _forms(street.split(), suffixes, directions):
            forms[form] = None if forms.get(form, street) != street else street
    forms.update({street.upper(): street for street in streets})
    return {form: street for form, street in sorted(forms.items()) if street}


def _forms(
    words: list[str],
    suffixes: Mapping[str, list[str]],
    directions: Mapping[str, list[str]],
) -> Iterator[str]:
    """Saint is St before a name; the last word is the suffix, the first may be a direction.

    The hyphen of a numbered highway may be a blank: I-10 is I 10.
    """
    ways: list[list[str]] = [
        [word.upper(), word.upper().replace("-", " ")]
        if re.fullmatch(r"[A-Za-z]+-[0-9]+", word)
        else [word.upper()]
        for word in words
    ]
    for place, word in enumerate(words[:-1]):
        if word == "St":
            ways[place] = ["ST", "ST.", "SAINT"]
    if len(words) > 1:
        ways[-1] = suffixes.get(words[-1], ways[-1])
    if len(words) > 2 and words[0] in directions:
        ways[0] = directions[words[0]]
    made = [""]
    for way in ways:
        made = [f"{start} {word}".strip() for start in made for word in way]
    yield from made

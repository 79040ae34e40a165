"""The models of a dataset as its file says them: SQL and YAML that `summerware generate` writes.

What belongs here: filling in `dbt_project/templates/` from a dataset file. The SQL itself stands in the
templates and in the macros; how a cell is standardized, in `macros/steps/<id>.sql`, which is written
by hand and never touched here; the YAML, in `properties.py`; how dbt runs the models, in `runner.py`.

The files are committed, so that whoever opens the dbt project sees its SQL. A column is described in
the dataset file alone.
"""

import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from orchestration.column import Column
from orchestration.dataset import LINK, Dataset
from orchestration.errors import ConfigurationError
from orchestration.scanning.scanned import scanned_columns
from orchestration.settings import Settings
from orchestration.times import time_form
from orchestration.unseen import NO_TEXT_RE2
from orchestration.warehouse.properties import as_yaml, model_properties, sources

_NO_TEXT = "macros/no_text.sql"
_TEMPLATES = "templates/*.sql.jinja"

_SQL = {
    "base": "models/staging/base/base_{id}.sql",
    "stg": "models/staging/stg_{id}.sql",
    "corrections": "models/staging/corrections_{id}.sql",
    "fates": "models/intermediate/int_{id}__fates.sql",
    "surviving_rows": "models/intermediate/int_{id}__surviving_rows.sql",
    "mart": "models/marts/{id}.sql",
    "ledger": "models/ledger/ledger_{id}.sql",
    "decided_cells": "models/ledger/decided_cells_{id}.sql",
}
_SOURCES = "models/sources/{id}.yml"
_INPUTS = "macros/inputs/{id}.sql"
_WIDTH = 96


def generate(settings: Settings, dataset: Dataset) -> dict[str, str]:
    """The files of a dataset by their path in the dbt project.

    Raises:
        ConfigurationError: the project has no templates, steps have another name, or a column is made of
            nothing or cannot be read.
    """
    root = settings.dbt_project_dir
    templates = {path.name: path.read_text(encoding="utf-8") for path in root.glob(_TEMPLATES)}
    if not templates:
        raise ConfigurationError(
            f"{root}: has no folder `templates`: it is a dbt project of an earlier version. Copy the "
            "folders `macros` and `templates` of this version there, put what is done to cells into "
            "`macros/steps/<id>.sql`, and run `summerware generate`: see docs/operations.md"
        )
    steps = root / f"macros/steps/{dataset.id}.sql"
    if steps.is_file() and f"macro steps_of_{dataset.id}(" not in steps.read_text(encoding="utf-8"):
        raise ConfigurationError(
            f"dbt_project/macros/steps/{steps.name}: defines no macro steps_of_{dataset.id}, so that "
            "what it says would be done to no cell"
        )
    return _generate(tuple(templates.items()), dataset.model_dump_json())


@lru_cache(maxsize=40)
def _generate(templates: tuple[tuple[str, str], ...], dataset_json: str) -> dict[str, str]:
    """Cached, as every step of a run asks again whether anything changed."""
    dataset = Dataset.model_validate_json(dataset_json)
    context = _context(dataset)
    environment = _environment(dict(templates))
    files = {_NO_TEXT: _no_text(), _SOURCES.format(id=dataset.id): as_yaml(sources(dataset))}
    inputs = environment.get_template("inputs.sql.jinja")
    files[_INPUTS.format(id=dataset.id)] = inputs.render(context)
    for name, path in _SQL.items():
        if name == "surviving_rows" and _adds_up(dataset):
            continue
        model = path.format(id=dataset.id)
        files[model] = environment.get_template(f"{name}.sql.jinja").render(context)
        properties = model_properties(dataset, name, Path(model).stem)
        files[model.removesuffix(".sql") + ".yml"] = as_yaml(properties)
    return files


def find_stale(settings: Settings, datasets: Mapping[str, Dataset]) -> dict[str, str]:
    """The generated files that differ from what the dataset files say, as they should be."""
    root = settings.dbt_project_dir
    return {
        path: text
        for dataset in datasets.values()
        for path, text in generate(settings, dataset).items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    }


def write_generated(root: Path, files: Mapping[str, str]) -> None:
    """Writes generated files into a dbt project."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def _adds_up(dataset: Dataset) -> bool:
    """Whether several lines add up to one published row, which a model by hand says how."""
    return dataset.grain.line != dataset.grain.published


def rows_model(dataset: Dataset) -> str:
    """The model of the rows as they survive, before policies: by hand where several lines add up."""
    rows = f"{dataset.grain.published}s" if _adds_up(dataset) else "surviving_rows"
    return f"int_{dataset.id}__{rows}"


def _context(dataset: Dataset) -> dict[str, Any]:
    """What the templates ask for."""
    columns = [
        column for column in dataset.columns if column.privacy != "never" and column.name != LINK
    ]
    landed = [column for column in columns if column.source is not None]
    lists = {
        column.name: {"separator": column.list.separator, "set": column.list.set}
        for column in columns
        if column.list
    }
    return {
        "id": dataset.id,
        "key": dataset.key,
        "grain": dataset.grain.published,
        "version_order": list(dataset.version_order),
        "rows_model": rows_model(dataset),
        "columns": columns,
        "published": dataset.published,
        "landed": landed,
        "texts": [column for column in landed if column.type == "text"],
        "written": [column for column in landed if column.type in ("text", "point")],
        "typed": [column for column in landed if column.type not in ("text", "point")],
        "lists": lists,
        "together": {
            places: [column for column in together if column in columns]
            for places, together in dataset.places.items()
        },
        "place": _place(dataset, landed),
        "scanned": [column.name for column in scanned_columns(dataset) if column in columns],
        "spelled": [column.name for column in columns if column.spelling],
        "volatile": [column.name for column in dataset.published if column.volatile],
        "chosen": [column for column in columns if column.survivorship != "latest"],
        "cells": {column.name: _cell(dataset, column.name) for column in columns},
        "values": {column.name: _value(column, lists) for column in columns},
        **_policies(dataset),
        **_links(dataset),
        **_words(dataset, landed),
    }


def _place(dataset: Dataset, landed: Sequence[Column]) -> str | None:
    """The column that is brought to its block."""
    places = [one.name for one in landed if one.domain and one.domain.place]
    if len(places) > 1:
        raise ConfigurationError(
            f"{dataset.id}: columns: only one column may have the domain `place`, and "
            f"{' and '.join(places)} do"
        )
    return places[0] if places else None


def _policies(dataset: Dataset) -> dict[str, Any]:
    """Which columns decide, and what policies keep back or blank."""
    names = {column.name for column in dataset.published}
    redacted = [
        (policy.id, name)
        for policy in dataset.policies
        if policy.action == "redact"
        for name in policy.redacts
        if name in names
    ]
    return {
        "deciding": list(dataset.deciding),
        "policy_texts": [f"_policies_{name}" for name in dataset.deciding],
        "withheld_by": [one.id for one in dataset.policies if one.action == "withhold"],
        "redacted": [one for one in redacted if one[1] != LINK],
        "redacting": {
            name: [policy for policy, redacts in redacted if redacts == name] for name in names
        },
    }


def _links(dataset: Dataset) -> dict[str, Any]:
    """What becomes of rows that may be the same event."""
    return {
        "link": LINK,
        "links": LINK in [column.name for column in dataset.published],
        "has_duplicates": dataset.duplicates is not None,
        "merging": bool(dataset.duplicates and dataset.duplicates.people_may_merge),
        "origins": {
            column.name: f"{'possible_duplicates' if column.name == LINK else 'surviving'}"
            f".{column.name}"
            for column in dataset.published
        },
    }


def _words(dataset: Dataset, landed: Sequence[Column]) -> dict[str, Any]:
    """How columns are written in the SQL, and the formats of times under names of their own."""
    for column in landed:
        if column.type in ("timestamp", "date") and not column.formats:
            raise ConfigurationError(
                f"{dataset.id}: columns: {column.name!r} is a {column.type} without `formats`: name "
                "those in which the extract writes it"
            )
    kinds = dict.fromkeys(column.formats for column in landed if column.formats)
    named = {one: f"formats_{place}" for place, one in enumerate(kinds, start=1)}
    return {
        "formats": {
            name: [(one, time_form(one)) for one in formats] for formats, name in named.items()
        },
        "literal": repr,
        "listed": _listed,
        "aliased": _aliased,
        "call": _call,
        "trimmed": _trimmed,
        "read": partial(_read, formats=named),
        "names": lambda columns: [column.name for column in columns],
    }


def _trimmed(column: Column) -> str:
    """A cell without blanks at its ends, each part of a list by itself."""
    word = f"trimmed_list('{column.name}', lists)" if column.list else f"trimmed('{column.name}')"
    return f"{{{{ {word} }}}}"


def _cell(dataset: Dataset, name: str) -> str:
    """What the staging model shows of a column of the base model."""
    column = dataset.column(name)
    if column.source is None:
        if name != dataset.key:
            raise ConfigurationError(
                f"{dataset.id}: columns: {name!r} has no `source`, and only a key is made of columns"
            )
        return " || '-' || ".join(dataset.key_from)
    return f"{name}__spelled" if column.spelling else name


def _value(column: Column, lists: Mapping[str, Any]) -> str:
    """The word of `macros/survivorship.sql` for a column, as a call."""
    if column.survivorship == "latest":
        return f"winning('{column.name}')"
    if column.survivorship == "union":
        return f"united('{column.name}', {lists[column.name]!r})"
    return f"given('{column.name}')"


def _read(column: Column, *, formats: Mapping[tuple[str, ...], str]) -> str:
    """The declared parse of a column, as a word of `macros/standardize.sql`."""
    if column.type in ("timestamp", "date"):
        word = "read_time" if column.type == "timestamp" else "read_date"
        return f"{{{{ {word}({column.name!r}, {formats[column.formats]}) }}}}"
    if column.type in ("number", "boolean"):
        return f"{{{{ read_{column.type}({column.name!r}) }}}}"
    if column.type == "text":
        return f"{{{{ before_spreadsheet('{column.name}__cell') }}}}"
    return f"{{{{ trimmed({column.name!r}) }}}}"


def _call(dataset_id: str, name: str, is_spelled: bool) -> str:
    return f"{dataset_id!r}, {name!r}{', spelled=true' if is_spelled else ''}"


def _aliased(value: str, name: str) -> str:
    """A column of a select, its name on a line of its own where one is too short."""
    if value == name:
        return name
    line = f"{value} as {name}"
    return line if len(line) < _WIDTH - 6 else f"{value}\n            as {name}"


def _listed(names: Sequence[str], indent: int = 0) -> str:
    """Names as a list of texts, on lines of their own where one is too short."""
    line = repr(list(names))
    if len(line) + indent < _WIDTH - 30:
        return line
    inner = " " * (indent + 4)
    rows = textwrap.wrap(
        ", ".join(map(repr, names)),
        _WIDTH,
        initial_indent=inner,
        subsequent_indent=inner,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(["[", *rows, " " * indent + "]"])


def _environment(templates: Mapping[str, str]) -> Any:
    """Templates that dbt's own marks pass through."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )


def _no_text() -> str:
    return (
        "{# Generated from orchestration/unseen.py: signs of a text that nobody sees. #}\n"
        "{% macro no_text() -%}\n"
        f"    {NO_TEXT_RE2}\n"
        "{%- endmacro %}\n"
    )

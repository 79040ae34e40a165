"""Writes a suite of before as a Great Expectations suite, and changes nothing that it says.

Comments, order and quotes stay wherever the file is laid out as ours were; any other file is written
out plainly, and the backup beside it keeps its comments.
"""

import re
from collections.abc import Iterator

import yaml
from yaml.nodes import MappingNode, Node

from orchestration.gates.former_suites import converted
from orchestration.yaml_text import parse_yaml

_ROWS = {"row": "quarantine", "waiting": "wait"}


def as_gx_suite(text: str, *, file: str, name: str) -> str:
    """The text of a suite file in the form of today.

    Raises:
        ConfigurationError: the file is no suite of before.
    """
    wanted = converted(parse_yaml(text), file=file, name=name)
    edited = _edited(text, name)
    if _says(edited) == wanted:
        return edited
    return yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=100)


def _says(text: str) -> object:
    try:
        return parse_yaml(text)
    except yaml.YAMLError:
        return None


def _edited(text: str, name: str) -> str:
    """The same lines, those of strengths replaced or gone, under the keys of today."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    edits: list[tuple[int, int, str]] = []
    for key, value in _pairs(root):
        if key.value == "rules":
            edits.append((key.start_mark.index, key.end_mark.index, f"name: {name}\nexpectations"))
            for rule in value.value:
                for field, meta in _pairs(rule):
                    if field.value == "meta" and isinstance(meta, MappingNode):
                        edits += [_strength(text, *pair) for pair in _pairs(meta)
                                  if pair[0].value == "strength"]  # fmt: skip
    for start, end, said in sorted(edits, reverse=True):
        text = text[:start] + said + text[end:]
    return text


def _strength(text: str, key: Node, value: Node) -> tuple[int, int, str]:
    """What stands in a strength's place, from where to where."""
    start, end = key.start_mark.index, value.end_mark.index
    if value.value in _ROWS:
        return start, end, f"on_failure: {_ROWS[value.value]}"
    line = text.rfind("\n", 0, start) + 1
    rest = re.match(r"[ \t]*(#[^\n]*)?(\r?\n|$)", text[end:])
    if not text[line:start].strip() and rest:
        return line, end + rest.end(), ""
    # Within braces: what parts it from the next pair goes, too.
    after = re.match(r"\s*,?\s*", text[end:])
    return start, end + (after.end() if after else 0), ""


def _pairs(node: Node | None) -> Iterator[tuple[Node, Node]]:
    if isinstance(node, MappingNode):
        yield from node.value

"""Writes drafted domains into the text of a dataset file, and changes nothing else of it.

Comments, order, anchors, quotes and line ends stay: a `domain` is inserted into each column's own
mapping, block or flow. The result is read again and must say the same, but for the domains. What the
domains are is drafted elsewhere.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestration.errors import ConfigurationError
from orchestration.yaml_text import parse_yaml

KEY = "domain"


def with_domains(text: str, domains: Mapping[str, Mapping[str, Any]], *, file: str) -> str:
    """The text of a dataset file with a `domain` for each of these columns.

    Raises:
        ConfigurationError: a column is written in a way that nothing can be inserted into.
    """
    found = dict(_columns(yaml.compose(text, Loader=yaml.SafeLoader)))
    insertions: dict[int, str] = {}
    for name, domain in domains.items():
        if name not in found:
            raise ConfigurationError(_by_hand(file, name))
        place, inserted = _insertion(text, found[name], _written(domain))
        if place in insertions:
            raise ConfigurationError(_by_hand(file, name))
        insertions[place] = inserted
    for place in sorted(insertions, reverse=True):
        text = text[:place] + insertions[place] + text[place:]
    return text


def says_the_same(before: str, after: str, domains: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a text differs from another in these domains alone."""
    try:
        old, new = parse_yaml(before), parse_yaml(after)
    except yaml.YAMLError:
        return False
    drafted = {
        column["name"]: column.pop(KEY) for column in new["columns"] if column["name"] in domains
    }
    return bool(old == new and drafted == {name: dict(said) for name, said in domains.items()})


def _by_hand(file: str, name: str) -> str:
    return (
        f"{file}: columns.{name}: is not written out as a mapping of its own, so that no `{KEY}` can "
        "be put into it; write it out, or write the domain by hand"
    )


def _columns(root: Node | None) -> Iterator[tuple[str, MappingNode]]:
    """The mapping of every column, by its name."""
    if not isinstance(root, MappingNode):
        return
    for key, value in root.value:
        if key.value == "columns" and isinstance(value, SequenceNode):
            for node in value.value:
                name = _value(node, "name")
                if isinstance(name, ScalarNode):
                    yield name.value, node


def _value(node: Node, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _insertion(text: str, column: MappingNode, written: str) -> tuple[int, str]:
    """Where the domain goes, and what is put there: at the mapping's end where that is plain to see.

    Else behind the name, which is always one word on one line.
    """
    key, last = column.value[-1]
    if not _ends_plainly(text, column):
        key, last = next(pair for pair in column.value if pair[0].value == "name")
    if column.flow_style:
        return last.end_mark.index, f", {KEY}: {written}"
    indent = " " * key.start_mark.column
    line_end = text.find("\n", last.end_mark.index)
    if line_end < 0:
        return len(text), f"\n{indent}{KEY}: {written}"
    line_break = "\r\n" if text[line_end - 1] == "\r" else "\n"
    return line_end + 1, f"{indent}{KEY}: {written}{line_break}"


def _ends_plainly(text: str, column: MappingNode) -> bool:
    """Whether the last value ends where its text does: no alias of another place, no block."""
    key, last = column.value[-1]
    if last.start_mark.index < key.end_mark.index:
        return False
    if column.flow_style:
        return text[last.end_mark.index : column.end_mark.index].strip() == "}"
    if isinstance(last, ScalarNode):
        return last.style not in ("|", ">")
    # A list that is not indented below its key has none, rather than `False`.
    return last.flow_style is True


def _written(domain: Mapping[str, Any]) -> str:
    """A domain on one line."""
    return yaml.safe_dump(
        dict(domain), default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    ).strip()

"""What the protocol leaves open, each as a named switch with the value we believe in.

The real server's edge is closed source; where its behaviour could not be settled (protocol 8, and
the end of 7.1) a switch says which way the portal goes. `summerware probe` finds the settings of a
real domain and writes them as a profile; this module reads profiles, `name=value` and dictionaries.
docs/portal.md explains every switch. What goes wrong now and then is not here but in `faults`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

MAX_BODY_BYTES = 256 * 1024 * 1024
_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def _one_of(default: Any, *others: Any) -> Any:
    return field(default=default, metadata={"choices": (default, *others)})


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Every switch; the defaults are what the sources support best."""

    bad_values: str = _one_of("refuse", "count")
    """A value that its type cannot take: the whole request fails, or the row counts in `Errors`."""
    unknown_columns: str = _one_of("refuse", "ignore")
    """A field that is no column: a 400, or passed over as the old backend did."""
    text_booleans: bool = False
    """Whether JSON takes `"true"` for a checkbox."""
    bare_urls: bool = False
    """Whether JSON takes a string for a url; otherwise it becomes null without a word."""
    us_dates: bool = False
    """Whether JSON takes `01/31/2024` for a calendar_date."""
    csv_us_dates: bool = True
    """Whether CSV does."""
    empty_text: str = _one_of("keep", "null")
    """What an empty string in JSON becomes; the old backend made it null."""
    broken_points: int = _one_of(400, 500)
    """The status for a GeoJSON object that is none."""
    counters: str = _one_of("six", "four")
    """How many counters an upsert answers; older captures have six, newer ones four."""
    errors_counter: str = _one_of("always", "when any")
    """Whether `Errors` is there when it is 0."""
    version_two: bool = True
    """Whether `$$version=2.0` gets the reasons of row errors instead of counters."""
    error_keys: str = _one_of("both", "edge", "service", "neither")
    """Where an error has its code: `code`, `errorCode`, both, or nowhere."""
    error_codes: str = _one_of("streaming", "truth")
    """Bad values and columns: `invalid-request`, or the truth store's own codes with their data."""
    errors_are_fatal: bool = False
    """Whether the parameter `errorsAreFatal=true` is heeded."""
    expected_version: bool = False
    """Whether the parameter `expectedDataVersion` is heeded."""
    unknown_token: str = _one_of("refuse", "ignore")
    """An app token that nobody knows: 403, or as if there were none."""
    max_limit: int = 0
    """The largest `$limit`; 0 for any."""
    max_body_bytes: int = MAX_BODY_BYTES
    """A larger body is a 413."""
    throttle_per_minute: int = 0
    """Requests a minute without an app token before the 429; 0 for any number."""
    retry_after: bool = True
    """Whether that 429 says `Retry-After`."""
    replica_lag_seconds: float = 0.0
    """How long after a write reads still see the rows before it."""
    require_tls: bool = False
    """Whether a login over plain HTTP is refused."""
    dsmapi_bad_cells: str = _one_of("null", "drop")
    """What applying a schema with errors does: bad cells become null, or their rows are left out."""
    dsmapi_approval: bool = False
    """Whether applying only submits a revision for somebody's approval."""

    def as_profile(self) -> dict[str, Any]:
        """The switches by name, for a profile."""
        return asdict(self)

    def differences(self, other: Behaviour) -> dict[str, tuple[Any, Any]]:
        """The switches that are set otherwise: name to this one's and the other's value."""
        mine, theirs = asdict(self), asdict(other)
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


def with_switches(base: Behaviour, settings: Mapping[str, Any]) -> Behaviour:
    """The behaviour with some switches set.

    Raises: ValueError for a name that is no switch and a value that it cannot have.
    """
    known = {item.name: item for item in fields(Behaviour)}
    changed = {}
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"{name}: no such switch; there are {', '.join(known)}")
        kind = type(getattr(base, name))
        changed[name] = _value(name, value, kind, known[name].metadata.get("choices"))
    return replace(base, **changed)


def _value(name: str, value: Any, kind: type, choices: tuple[Any, ...] | None) -> Any:
    try:
        if kind is bool:
            known = value if isinstance(value, bool) else _WORDS[str(value).lower()]
        else:
            known = kind(value)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} is no {kind.__name__}") from None
    if choices and known not in choices:
        raise ValueError(f"{name}: expected {' or '.join(map(str, choices))}, got {value!r}")
    if kind in (int, float) and known < 0:
        raise ValueError(f"{name}: {value!r} is less than nothing")
    return known


def from_words(base: Behaviour, words: Iterable[str]) -> Behaviour:
    """The behaviour with switches given as `name=value`. Raises: ValueError, as `with_switches`."""
    settings = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word}: expected name=value")
        settings[name.strip().replace("-", "_")] = value.strip()
    return with_switches(base, settings)


def read_profile(path: Path) -> Behaviour:
    """The behaviour in a profile, as `summerware probe` writes it.

    Raises: ValueError for a file that is no profile; OSError when there is none.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: is no YAML") from error
    switches = content.get("switches") if isinstance(content, dict) else None
    if not isinstance(switches, dict):
        raise ValueError(f"{path}: is no profile; it has no `switches`")
    return with_switches(Behaviour(), switches)

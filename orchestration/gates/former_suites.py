"""Suites in the form of before they were Great Expectations' own, read as what they say.

Such a file has `rules:` with a `strength` in each `meta`, holds every rule of its gate, and was known
by the hash of its bytes; it keeps that hash until `summerware upgrade` writes it anew. The suites that
came with Summerware then are kept in `former_suites.json`: where the rules of today say the same, what
passed or was published under them counts on.
"""

import base64
import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.dataset import Dataset
from orchestration.domains.classes import classes_path
from orchestration.errors import ConfigurationError
from orchestration.layers import hash_file, hash_named
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import named_vocabularies, vocabulary_path

_KEPT = Path(__file__).with_name("former_suites.json")
_ON_FAILURE = {"row": "quarantine", "waiting": "wait"}


def is_former(content: Any) -> bool:
    """Whether the content of a suite file has the form of before."""
    return isinstance(content, dict) and "rules" in content and "expectations" not in content


def converted(content: dict[str, Any], *, file: str, name: str) -> dict[str, Any]:
    """The same suite in the form of today; what is no rule is left as it is, for its reader to tell.

    Raises:
        ConfigurationError: severity and strength of a rule contradict each other.
    """
    unknown = sorted(set(content) - {"rules"})
    if unknown or not isinstance(content["rules"], list):
        raise ConfigurationError(
            f"{file}: {unknown[0] if unknown else 'rules'}: does not belong into a suite; see the "
            "README for its form"
        )
    return {"name": name, "expectations": [_converted(one, file) for one in content["rules"]]}


def _converted(rule: Any, file: str) -> Any:
    if not isinstance(rule, dict) or not isinstance(rule.get("meta"), dict):
        return rule
    meta = dict(rule["meta"])
    strength = meta.pop("strength", None)
    if strength not in ("table", "row", "waiting", "warning"):
        raise ConfigurationError(
            f"{file}: rules.{meta.get('rule_id')}.meta.strength: is {strength!r}"
        )
    if (rule.get("severity") == "warning") != (strength == "warning"):
        raise ConfigurationError(
            f"{file}: rules.{meta.get('rule_id')}: severity `warning` and strength `warning` go together"
        )
    if strength in _ON_FAILURE:
        meta["on_failure"] = _ON_FAILURE[strength]
    return {**rule, "meta": meta}


def former_suite_hash(settings: Settings, dataset: Dataset, suite: bytes, *, classes: str) -> str:
    """What a gate record of before says of a suite: the bytes of its file and vocabularies."""
    digest = hashlib.sha256(suite)
    digest.update(dataset.model_dump_json().encode())
    digest.update(classes.encode())
    named = {name for one in dataset.columns if one.domain for name in one.domain.vocabulary}
    for name in sorted({*named, *named_vocabularies(suite.decode(errors="replace"))}):
        path = vocabulary_path(settings, name)
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def former_rules_hash(
    settings: Settings,
    dataset: Dataset,
    suites: Mapping[str, bytes],
    *,
    vocabularies: Iterable[str],
) -> str:
    """What a publication of before says of its rules: the bytes of suites, vocabularies and classes."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in suites.items()}
    policies = [policy.model_dump(mode="json") for policy in dataset.policies]
    domains = {
        column.name: column.domain.model_dump(mode="json")
        for column in dataset.columns
        if column.domain
    }
    files = [vocabulary_path(settings, name) for name in vocabularies]
    files.append(classes_path(settings, dataset.id))
    hashes |= {path.name: hash_file(path) for path in files if path.is_file()}
    said = json.dumps([policies, domains] if domains else policies, sort_keys=True)
    return hash_named({**hashes, "policies": said})


def kept_suite(dataset_id: str, suite: str, *, rules: str) -> bytes | None:
    """The file of before that says what these rules say, by the hash of the rules, or none."""
    hashes, files = _kept()
    name = f"{dataset_id}/{suite}"
    return files[name].encode() if hashes.get(name) == rules else None


@cache
def _kept() -> tuple[dict[str, str], dict[str, str]]:
    """Which rules each file of before is the same as, by hash, and its text."""
    kept = json.loads(_KEPT.read_text(encoding="utf-8"))
    return kept["rules"], json.loads(lzma.decompress(base64.b64decode(kept["files"])))

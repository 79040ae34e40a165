"""From linked pairs to clusters, with what people decided, the same in any order of pairs.

What belongs here: connected components with pairs that must stay apart, and the ids of clusters.
What does not: scores and SQL (``linkage.py``).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Link:
    """Two rows that are held to be one event; `decided` by people, or scored by the machine."""

    left: str
    right: str
    score: float
    decided: bool = False


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """The cluster of each linked key, and the links that were cut, by the decision behind each."""

    of_key: Mapping[str, str]
    cut: Mapping[tuple[str, str], str]


def cluster_id(members: Iterable[str]) -> str:
    """The id of a cluster: made of its members' keys alone, in whatever order they come."""
    listed = json.dumps(sorted(members), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def build_clusters(
    links: Iterable[Link], *, apart: Mapping[tuple[str, str], str] | None = None
) -> Clusters:
    """Puts linked rows together, strongest links first.

    ``apart`` holds the pairs that people decided are different, with the decision's id: a link that
    would bring them into one cluster is cut, so that of the links between them the weakest goes.
    Links that people decided come before the machine's.
    """
    foes: dict[str, dict[str, str]] = {}
    for (one_key, other_key), decision_id in (apart or {}).items():
        foes.setdefault(one_key, {})[other_key] = decision_id
        foes.setdefault(other_key, {})[one_key] = decision_id
    groups: dict[str, set[str]] = {}
    cut: dict[tuple[str, str], str] = {}
    ordered = sorted(links, key=lambda one: (not one.decided, -one.score, one.left, one.right))
    for one in ordered:
        left = groups.setdefault(one.left, {one.left})
        right = groups.setdefault(one.right, {one.right})
        if left is right:
            continue
        small, large = sorted((left, right), key=len)
        decision = _deciding(small, large, foes)
        if decision is not None:
            cut[one.left, one.right] = decision
            continue
        large |= small
        for member in small:
            groups[member] = large
    ids: dict[int, str] = {}
    of_key = {}
    for key, group in groups.items():
        if len(group) > 1:
            if id(group) not in ids:
                ids[id(group)] = cluster_id(group)
            of_key[key] = ids[id(group)]
    return Clusters(of_key=of_key, cut=cut)


def _deciding(
    small: set[str], large: set[str], foes: Mapping[str, Mapping[str, str]]
) -> str | None:
    """The decision that keeps two groups apart, if there is one; of several the first id."""
    if not foes:
        return None
    return min(
        (
            decision
            for member in small
            for foe, decision in foes.get(member, {}).items()
            if foe in large
        ),
        default=None,
    )

"""Clusters: the same in any order, ids from members alone, and what people told apart stays apart."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cleaning.clusters import Link, build_clusters, cluster_id

KEYS = st.sampled_from("abcdefgh")
PAIRS = st.tuples(KEYS, KEYS).filter(lambda pair: pair[0] < pair[1])
LINKS = st.dictionaries(PAIRS, st.tuples(st.sampled_from([0.99, 0.995, 1.0]), st.booleans()))
APART = st.dictionaries(PAIRS, st.sampled_from(["d1", "d2"]), max_size=4)


def _links(pairs: dict[tuple[str, str], tuple[float, bool]]) -> list[Link]:
    return [
        Link(left=left, right=right, score=score, decided=decided)
        for (left, right), (score, decided) in pairs.items()
    ]


@settings(deadline=None)
@given(LINKS, APART, st.randoms(use_true_random=False))
def test_order_of_pairs_does_not_matter(
    pairs: dict[tuple[str, str], tuple[float, bool]],
    apart: dict[tuple[str, str], str],
    shuffle: random.Random,
) -> None:
    """Shuffled links give the same clusters and the same cuts."""
    links = _links(pairs)
    shuffled = links[:]
    shuffle.shuffle(shuffled)
    assert build_clusters(links, apart=apart) == build_clusters(shuffled, apart=apart)


@settings(deadline=None)
@given(LINKS, APART)
def test_rows_told_apart_are_never_in_one_cluster(
    pairs: dict[tuple[str, str], tuple[float, bool]], apart: dict[tuple[str, str], str]
) -> None:
    """Whatever links connect them; and a link that was not cut holds."""
    clusters = build_clusters(_links(pairs), apart=apart)
    for left, right in apart:
        if left in clusters.of_key:
            assert clusters.of_key[left] != clusters.of_key.get(right)
    for left, right in pairs.keys() - clusters.cut.keys():
        assert clusters.of_key[left] == clusters.of_key[right]


def test_the_weakest_link_is_cut() -> None:
    """A chain whose ends are told apart breaks where its score is lowest, and says by what."""
    links = [
        Link(left="a", right="b", score=0.999),
        Link(left="b", right="c", score=0.991),
        Link(left="c", right="d", score=0.998),
    ]
    clusters = build_clusters(links, apart={("a", "d"): "decision-7"})
    assert clusters.cut == {("b", "c"): "decision-7"}
    assert clusters.of_key["a"] == clusters.of_key["b"] != clusters.of_key["c"]


def test_a_decided_link_outlives_a_scored_one() -> None:
    """What people joined is cut after what the machine joined, whatever its score."""
    links = [
        Link(left="a", right="b", score=0.1, decided=True),
        Link(left="b", right="c", score=1.0),
    ]
    assert build_clusters(links, apart={("a", "c"): "d"}).cut == {("b", "c"): "d"}


def test_an_id_is_made_of_members_alone() -> None:
    """Sixteen hex digits, in any order of members; a comma in a key does not make two keys."""
    assert cluster_id(["b", "a"]) == cluster_id(("a", "b"))
    assert cluster_id(["a,b"]) != cluster_id(["a", "b"])
    assert len(cluster_id(["a"])) == 16

"""The catalog: its filters, its orders, its pages (protocol 2.1)."""

from __future__ import annotations

import pytest

FOUND = {
    "ids": "{id}",
    "names": "Towed BICYCLES",
    "only": "datasets",
    "categories": "transport",
    "domain_category": "Transport",
    "tags": "wheels",
    "domain_tags": "WHEELS",
    "attribution": "Bureau of Bicycles",
    "license": "CC0_10",
    "column_names": "bell count",
    "provenance": "official",
    "for_user": "summ-ware",
    "derived": "false",
    "explicitly_hidden": "false",
    "approval_status": "approved",
    "public": "true",
    "published": "true",
    "visibility": "open",
    "domains": "127.0.0.1",
    "q": "bell towed",
}
MISSED = {
    "ids": "zzzz-zzzz",
    "names": "Towed",
    "only": "map",
    "categories": "trans",
    "domain_category": "x",
    "tags": "wheel",
    "domain_tags": "x",
    "attribution": "Bureau",
    "license": "CC",
    "column_names": "bell",
    "provenance": "community",
    "for_user": "abcd-1234",
    "shared_to": "site",
    "derived_from": "{id}",
    "derived": "true",
    "explicitly_hidden": "true",
    "approval_status": "pending",
    "public": "false",
    "published": "false",
    "visibility": "internal",
    "domains": "data.example.org",
    "q": "bell towed away",
}


@pytest.fixture(scope="module")
def bicycles(portal):
    columns = [{"fieldName": "bells", "name": "Bell count", "dataTypeName": "number"}]
    made = portal.soda.create(
        "Towed bicycles",
        columns=columns,
        category="Transport",
        tags=["Wheels", "two"],
        attribution="Bureau of Bicycles",
        licenseId="CC0_10",
    )["id"]
    portal.soda.publish(made)
    portal.soda.set_permission(made, "public")
    yield made
    portal.soda.delete(made)


def ids(portal, **parameters):
    answer = portal.anonymous.get(f"{portal.url}/api/catalog/v1", params=parameters)
    assert answer.status_code == 200
    listed = [item["resource"]["id"] for item in answer.json()["results"]]
    assert len(listed) == answer.json()["resultSetSize"]
    return listed


@pytest.mark.parametrize("name", sorted(FOUND))
def test_filter_finds(portal, bicycles, name):
    """By each filter alone, and by all of them together with a value that fits nothing beside it."""
    assert bicycles in ids(portal, **{name: FOUND[name].format(id=bicycles)})
    values = [MISSED.get(name, "x").format(id=bicycles), FOUND[name].format(id=bicycles)]
    if name != "q":
        assert bicycles in ids(portal, **{name: values})


@pytest.mark.parametrize("name", sorted(MISSED))
def test_filter_misses(portal, bicycles, name):
    """And with any of the filters that find it, it is missed all the same."""
    missed = MISSED[name].format(id=bicycles)
    assert bicycles not in ids(portal, **{name: missed})
    for other in sorted(set(FOUND) - {name})[::4]:
        both = {other: FOUND[other].format(id=bicycles), name: missed}
        assert bicycles not in ids(portal, **both)


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "min_should_match=1",
        "scroll_id=x",
        "only=nonsense",
        "public=perhaps",
        "order=nonsense",
        "order=name sideways",
        "limit=x",
    ],
)
def test_unknown_filter_is_refused(portal, query):
    """It would have left something out; passing over it would answer another question."""
    answer = portal.http("GET", f"/api/catalog/v1?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "req.bad-parameter")


@pytest.mark.parametrize(
    ("order", "descends"), [("name", False), ("dataset_id", False), ("createdAt", True)]
)
def test_orders(portal, bicycles, order, descends):
    """By name upwards, by date downwards, or as is asked."""
    others = [portal.create() for _ in range(3)]
    keys = {"name": "name", "dataset_id": "id", "createdAt": "createdAt"}
    for direction, reverse in ((None, descends), ("ASC", False), ("desc", True)):
        listed = portal.soda.datasets(order=f"{order} {direction}" if direction else order)
        values = [item["resource"][keys[order]].lower() for item in listed]
        assert values == sorted(values, reverse=reverse)
    for other in others:
        portal.soda.delete(other)


def test_client_filters(portal, bicycles):
    """As the client puts them together, and page by page."""
    listed = portal.soda.datasets(
        ids=[bicycles, "zzzz-zzzz"],
        tags=["two", "x"],
        public=True,
        published=True,
        only=["dataset"],
    )
    assert [item["resource"]["id"] for item in listed] == [bicycles]
    assert listed[0]["classification"] == {
        "domain_category": "Transport",
        "domain_tags": ["Wheels", "two"],
    }

"""The pages for people: what they show, to whom, and that data cannot become markup."""

from __future__ import annotations

import html
import re

import pytest

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def dataset(portal):
    columns = [
        {"fieldName": "key", "name": "Key", "dataTypeName": "text", "description": "What & why"},
        {"fieldName": "amount", "name": "Amount", "dataTypeName": "number"},
        {"fieldName": "happened_at", "name": "Happened at", "dataTypeName": "calendar_date"},
        {"fieldName": "place", "name": "Place", "dataTypeName": "point"},
    ]
    found = portal.soda.create(f"Public {EVIL}", columns=columns, row_identifier="key")["id"]
    rows = [{"key": f"k{n:03}", "amount": n} for n in range(120)]
    portal.soda.upsert(found, [*rows, {"key": EVIL, "happened_at": "2024-01-02"}])
    portal.soda.publish(found)
    portal.soda.set_permission(found, "public")
    return found


def page(portal, path, *, status=200):
    answer = portal.anonymous.get(portal.url + path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<script" not in answer.text
    return answer.text


def keys(text):
    return re.findall(r"<td>(k\d{3})</td>", text)


def test_index_lists_public_datasets(portal, dataset):
    """Name, id and rows of what is public; nothing of what is not."""
    private = portal.create()
    text = page(portal, "/")
    assert dataset in text
    assert html.escape(EVIL) in text
    assert private not in text
    assert private in portal.http("GET", "/").text


def test_rows_come_in_pages(portal, dataset):
    """Fifty rows, the total, and links to the next and the previous page."""
    first = page(portal, f"/d/{dataset}?sort=key&column=amount&op=filled")
    assert keys(first) == [f"k{n:03}" for n in range(50)]
    assert "Rows 1 to 50 of 120" in first
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = page(portal, html.unescape(following))
    assert keys(second)[0] == "k050"
    assert 'rel="prev"' in second


def test_headings_sort_and_say_so(portal, dataset):
    """A heading links to its order, and the one in force is announced."""
    text = page(portal, f"/d/{dataset}?sort=amount&dir=desc&column=amount&op=filled")
    assert keys(text)[0] == "k119"
    assert 'aria-sort="descending"' in text
    assert 'title="What &amp; why"' in text


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("column=amount&op=lt&value=3", 3),
        ("column=amount&op=null", 1),
        ("column=key&op=contains&value=K01", 10),
        ("column=key&op=starts&value=<", 1),
        ("column=key&op=eq&value=k001' or '1'='1", 0),
        ("column=happened_at&op=ge&value=2024-01-01", 1),
        ("column=nonsense&op=eq&value=1", 121),
        ("page=999", 121),
        ("page=x&sort=nonsense&dir=up", 121),
    ],
)
def test_filter(portal, dataset, query, total):
    """The form's conditions leave what they say; what makes no sense is passed over."""
    assert f"of {total}" in page(portal, f"/d/{dataset}?{query}")


def test_filter_that_does_not_fit_is_explained(portal, dataset):
    """A number column cannot be compared with a word: the page says so."""
    text = page(portal, f"/d/{dataset}?column=amount&op=eq&value={EVIL}", status=400)
    assert 'role="alert"' in text


@pytest.mark.parametrize("extension", ["json", "csv"])
def test_links_for_machines_have_the_same_rows(portal, dataset, extension):
    """JSON and CSV links carry the page's filter and order."""
    text = page(portal, f"/d/{dataset}?column=amount&op=le&value=2&sort=key&dir=desc")
    (link,) = re.findall(rf'href="(/resource/[^"]+\.{extension}[^"]*)"', text)
    answer = portal.anonymous.get(portal.url + html.unescape(link))
    assert re.findall(r"k\d{3}", answer.text) == ["k002", "k001", "k000"]


def test_private_dataset_asks_for_a_login(portal):
    """A stranger gets a challenge and no rows."""
    private = portal.create()
    portal.soda.upsert(private, [{"key": "hidden"}])
    text = page(portal, f"/d/{private}", status=401)
    assert "hidden" not in text
    assert "hidden" in portal.http("GET", f"/d/{private}").text


def test_login_challenges_then_goes_back(portal):
    """The browser asks for the login; with one, it is sent to the list."""
    stranger = portal.anonymous.get(f"{portal.url}/login")
    assert stranger.headers["WWW-Authenticate"].startswith("Basic")
    answer = portal.http("GET", "/login", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_empty_and_columnless_datasets_have_pages(portal):
    """There is always a page, if only to say that there is nothing."""
    made = portal.soda.create("Nothing")["id"]
    portal.http("POST", f"/resource/{made}.json", json=[{}])
    assert "No rows to show" in portal.http("GET", f"/d/{made}").text
    assert "No rows to show" in portal.http("GET", f"/d/{portal.create()}").text


def test_unknown_dataset_has_a_page(portal):
    """A wrong address is a 404 with a way back."""
    assert 'href="/"' in page(portal, "/d/zzzz-9999", status=404)


def test_pages_load_nothing_from_elsewhere(portal, dataset):
    """The policy allows the portal's own style sheet and no script."""
    answer = portal.anonymous.get(f"{portal.url}/d/{dataset}")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "http://" not in answer.text
    style = portal.anonymous.get(f"{portal.url}/portal.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")

"""Who gets at the page for signing, and that nothing but its own forms changes anything."""

import re

import pytest
import requests

from orchestration.classification.page import who_may_open
from orchestration.errors import ConfigurationError
from tests.grove import NAMES, Grove


def test_link_is_the_person(grove: Grove) -> None:
    """A link opens for the person it was made for, without anything to type in."""
    assert "You are <b>Bob</b>, custodian." in grove.get("Bob")
    assert '<input type="password"' not in grove.get("Bob")
    assert len({link.rpartition("/")[2] for link in grove.links.values()}) == len(NAMES)
    assert all(len(link.rpartition("/")[2]) >= 43 for link in grove.links.values()), "256 bits"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404), ("/guess", 404), ("/" + "A" * 43, 404), ("/%00", 400),
        ("/%F0%9F%8C%B3", 404), ("/../etc/passwd", 404),
    ],
)  # fmt: skip
def test_no_link_no_page(grove: Grove, path: str, status: int) -> None:
    """Who has no link sees no word."""
    found = requests.get(grove.links["Bob"].rpartition("/")[0] + path, timeout=30)
    assert (found.status_code, "PLANE" in found.text) == (status, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"},
        {"Origin": "https://attacker.example"}, {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data; boundary=x"},
        {"Host": "attacker.example"}, {"Host": "127.0.0.1"},
    ],
    ids=str,
)  # fmt: skip
def test_foreign_forms_are_refused(grove: Grove, headers: dict[str, str | None]) -> None:
    """A form that was not sent from this page, by its own host name, changes nothing."""
    grove.propose("Ann", "PLANE")
    answer = grove.post("Bob", {"do": "sign", "tick": grove.ticks("Bob")}, **headers)
    assert answer.status_code in (403, 415, 421)
    assert grove.answers() == [("PLANE", "harmless", False, False)]


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1", "127.0.0.1:1", "localhost.:80", ""]
)
def test_page_is_only_at_its_own_address(grove: Grove, host: str) -> None:
    """A name that somebody made point to this machine opens nothing, not with the right link either."""
    found = requests.get(grove.links["Bob"], headers={"Host": host}, timeout=30)
    assert found.status_code in (400, 421)
    assert "Bob" not in found.text
    port = grove.links["Bob"].split(":")[2].partition("/")[0]
    own = requests.get(grove.links["Bob"], headers={"Host": f"localhost:{port}"}, timeout=30)
    assert own.status_code == 200


def test_get_changes_nothing(grove: Grove) -> None:
    """What signs as a form does nothing as an address, nor as another method."""
    grove.propose("Ann", "PLANE")
    (tick,) = grove.ticks("Bob")
    grove.get("Bob", f"?do=sign&tick={tick}")
    for method in ("PUT", "DELETE", "PATCH"):
        assert requests.request(method, grove.links["Bob"], timeout=30).status_code == 405
    assert grove.answers() == [("PLANE", "harmless", False, False)]


@pytest.mark.parametrize(
    "body",
    [b"x" * 1_000_001, b"do=%ff", b"&".join(b"a=%d" % n for n in range(10_001))],
    ids=["long", "bytes", "fields"],
)
def test_forms_have_bounds(grove: Grove, body: bytes) -> None:
    """A form that is too long or no text is refused before it is read."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert grove.post("Bob", body, **kind).status_code in (400, 413)  # type: ignore[arg-type]


def test_every_answer_is_guarded(grove: Grove) -> None:
    """Nothing is stored, framed or run from elsewhere, and no address of it goes to other sites."""
    base = grove.links["Bob"].rpartition("/")[0]
    for address in (grove.links["Bob"], f"{base}/page.css", f"{base}/nobody"):
        headers = requests.get(address, timeout=30).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "strict-origin"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "script-src" not in headers["Content-Security-Policy"]
    assert not re.search(r"<script|<style|style=|\son\w+=|https?:|//", grove.get("Eve"))


def test_no_log_line_holds_a_secret(
    grove: Grove, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server writes nothing about requests, good or bad."""
    caplog.set_level(0)
    grove.propose("Ann", "PLANE")
    grove.post("Bob", {}, Origin=None)
    written = caplog.text + "".join(capfd.readouterr())
    assert not [name for name, link in grove.links.items() if link.rpartition("/")[2] in written]


def test_who_is_taken_out_of_the_file_is_out(grove: Grove) -> None:
    """A link ends when its person has no role any more, and a role when the file takes it away."""
    grove.propose("Ann", "PLANE")
    ticks = grove.ticks("Bob")
    (grove.settings.datasets_dir / "signers.csv").write_text("name,roles\nBob,engineer\n")
    assert requests.get(grove.links["Ann"], timeout=30).status_code == 403
    assert "names nobody" in grove.sign("Bob", ticks).text
    assert grove.answers() == [("PLANE", "harmless", False, False)]


def test_only_people_of_the_file_get_links(grove: Grove) -> None:
    """All engineers and custodians by default; a name that is neither is refused."""
    assert who_may_open(grove.settings, None) == NAMES
    assert who_may_open(grove.settings, ["bob", "Bob"]) == ["Bob"]
    for name in ("Ron", "Nobody"):
        with pytest.raises(ConfigurationError, match=f"(?i)nobody {name}"):
            who_may_open(grove.settings, ["Ann", name])
    (grove.settings.datasets_dir / "signers.csv").unlink()
    with pytest.raises(ConfigurationError, match="nobody"):
        who_may_open(grove.settings, None)

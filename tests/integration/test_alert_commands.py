"""The commands over alerts, as a person types them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.receivers import MailServer, Webhook, free_port, serving
from tests.town import Town, new_town, rule

SUMMERWARE = str(Path(sys.executable).with_name("summerware"))


@pytest.fixture
def town(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Two datasets, each with a failed gate that nobody could be told of."""
    with new_town(tmp_path, monkeypatch, datasets=2) as made:
        made.watch()
        made.run({name: [rule()] for name in made.ids})
        made.watch()
        yield made


def _summerware(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SUMMERWARE, *words], capture_output=True, text=True, check=False)


def test_alerts_are_listed_with_what_to_do(town: Town) -> None:
    """Since when, what, and that nobody was told, by the variable that is not set."""
    ended = _summerware("alerts")
    for alert in town.open():
        assert alert.id in ended.stdout
    assert "trees_stand does not hold for 3 of 100 rows" in ended.stdout
    assert "If the extract is broken, `summerware discard grove_0 EXTRACT" in ended.stdout
    assert "SUMMERWARE_CHANNEL_OWNERS is not set" in ended.stderr


def test_an_alert_is_taken_on_by_name(town: Town) -> None:
    """Everybody sees whose it is; an unknown one is named, and nothing is changed then."""
    first, second = town.open()
    ended = _summerware("ack", first.id, "--by", "Ann")
    assert f"{first.id} is Ann's" in ended.stdout
    assert "taken on by Ann" in _summerware("alerts").stdout
    unknown = _summerware("ack", second.id, "alert-nonsense", "--by", "Bob")
    assert unknown.returncode == 2
    assert "no alert alert-nonsense is open" in unknown.stderr
    assert [alert.acked_by for alert in town.open()] == ["Ann", None]


def test_json_is_for_scripts(town: Town) -> None:
    """All facts, and which deliveries wait."""
    found = json.loads(_summerware("alerts", "--json").stdout)
    assert {one["dataset"] for one in found} == set(town.ids)
    assert found[0]["unsent"] == [{"channel": "owners", "state": "no_channel", "failure": None}]


def test_a_trial_goes_through_every_route(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which arrived is said for each address and owner, and what is not set; no address is shown."""
    town.write_dataset("grove_1", owner={"team": "Forest", "email": "forest@example.org"})
    with serving(MailServer()) as mails, serving(Webhook()) as webhook:
        dead = f"json://secret-word@127.0.0.1:{free_port()}/?cto=1"
        monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", f"{mails.url} {dead}")
        monkeypatch.setenv("SUMMERWARE_CHANNEL_ENGINEERS", webhook.url)
        ended = _summerware("alerts", "test")
    assert ended.returncode == 3
    assert [str(mail["To"]) for mail in mails.mails] == ["parks@example.org", "forest@example.org"]
    assert "Nothing is wrong" in webhook.bodies[0]
    for told in (
        "engineers: accepted",
        "owners 1 (parks@example.org): accepted",
        "owners 1 (forest@example.org): accepted",
        "owners 2: no answer, or not accepted",
        "supervisors: SUMMERWARE_CHANNEL_SUPERVISORS is not set",
    ):
        assert told in ended.stdout
    assert "secret-word" not in ended.stdout + ended.stderr
    assert town.outbox()[0].state == "no_channel"


def test_what_waits_is_sent_on_demand(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no daemon looks, another scheduler does, with the same result."""
    with serving(Webhook()) as webhook:
        monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", webhook.url)
        ended = _summerware("alerts", "send")
        assert "2 alerts are open; 2 messages went" in ended.stdout
        assert set(webhook.ids(over=False)) == {alert.id for alert in town.open()}
        webhook.mood = "failing"
        town.run([rule("roots_hold")])
        assert _summerware("alerts", "send").returncode == 3

"""Messages as people see them, and their way to receivers that are down, slow, failing or dying."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from orchestration.alerts.channels import send
from orchestration.alerts.delivery import deliver
from orchestration.alerts.messages import Message, compose, compose_digest
from orchestration.alerts.routing import addresses
from orchestration.state.alerts import PENDING, SENT
from tests.hostile import obeyed_signs
from tests.receivers import ALERT, MailServer, Webhook, part_of
from tests.town import PASSED, Town, new_town, rule

FACTS: dict[str, Any] = {
    "title": "Trees of the town",
    "headline": "height_known does not hold for 13 of 2,000 rows.",
    "statement": "A height <is> given & more than 0.",
    "failing": 13,
    "rows": 2_000,
    "share": 0.0065,
    "keys": 12,
    "examples": ["trees-1:4", "trees-1:7"],
    "not_published": "This alone keeps nothing back.",
    "portal_shows": "The portal shows the extract of 2026-03-01: 90 rows.",
    "to_do": "Look at it when there is time.",
    "owner": "Parks",
    "owner_email": "parks@example.org",
    "links": {"run": "https://ui.example.org/runs/abc", "rule": "docs/rules.md#trees"},
    "alert": "alert-0123456789",
    "kind": "rule_warned",
    "severity": "warning",
    "dataset": "trees",
    "rule": "height_known",
    "gate": "standardized",
    "since": "2026-03-02T12:00:00.000+00:00",
    "runs": 3,
    "news": "4 keys are new since then",
    "acked_by": None,
}
WHAT_PEOPLE_NEED = (
    "height_known does not hold for 13 of 2,000 rows",
    "4 keys are new since then",
    "2026-03-02 06:00 CST, found by 3 runs",
    "13 of 2,000 (0.65%), 12 keys",
    "trees-1:4, trees-1:7",
    "This alone keeps nothing back.",
    "The portal shows the extract of 2026-03-01: 90 rows.",
    "Parks, parks@example.org",
    "summerware ack alert-0123456789",
    "https://ui.example.org/runs/abc",
    "docs/rules.md#trees",
)


@pytest.fixture
def town(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with new_town(tmp_path, monkeypatch) as made:
        made.watch()
        yield made


def test_a_mail_says_it_all_as_text_and_as_html(mails: MailServer) -> None:
    """Both parts hold every answer and every address, to the owner of the dataset."""
    url = mails.url.replace("{owner}", "parks%40example.org")
    assert send(url, compose("news", FACTS)) is None
    (mail,) = mails.mails
    text, html = part_of(mail, "text/plain"), part_of(mail, "text/html")
    for wanted in WHAT_PEOPLE_NEED:
        assert wanted in text
        assert wanted in html
    assert "A height <is> given & more than 0." in text
    assert "A height &lt;is&gt; given &amp; more than 0." in html
    assert mail["To"] == "parks@example.org"
    assert re.sub(r"\s+", " ", str(mail["Subject"])) == (
        "[Summerware] WARNING Trees of the town: height_known still (alert-0123456789)"
    )


def test_a_webhook_gets_the_text(webhook: Webhook) -> None:
    """A plain receiver has the alert's id in the title and everything in the message."""
    assert send(webhook.url, compose("opened", FACTS)) is None
    assert "(alert-0123456789)" in webhook.subjects[0]
    assert all(wanted in webhook.bodies[0] for wanted in WHAT_PEOPLE_NEED)


def test_no_sign_that_a_screen_obeys_is_sent(webhook: Webhook, mails: MailServer) -> None:
    """Headings, rules' words and files' names may hold them."""
    facts = FACTS | {"headline": "Trees \x1b[31m\u202eof the town\x00", "title": "Tr\x9bees"}
    for url in (webhook.url, mails.url.replace("{owner}", "parks%40example.org")):
        assert send(url, compose("opened", facts)) is None
    (mail,) = mails.mails
    sent = webhook.subjects + webhook.bodies + [str(mail["Subject"])]
    sent += [part_of(mail, "text/plain"), part_of(mail, "text/html")]
    for text in sent:
        assert obeyed_signs(text.replace("\r\n", "\n")) == set()
    assert "⟨U+202E⟩of the town" in webhook.bodies[0]


def test_slack_gets_its_own_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bold as Slack writes it, links with a name, nothing that Slack would take for a link of its own.

    Slack itself is out of reach: what its client would post is caught on the way out.
    """
    posted: list[requests.PreparedRequest] = []

    def caught(_: Any, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        posted.append(request)
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests.Session, "send", caught)
    url = "https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/AAAAAAAAAAAAAAAAAAAAAAAA"
    assert send(url, compose("news", FACTS)) is None
    (attachment,) = json.loads(posted[0].body or "{}")["attachments"]
    assert attachment["text"].startswith("*Trees of the town: height_known does not hold for 13")
    assert "<https://ui.example.org/runs/abc|the run>" in attachment["text"]
    assert "‹is›" in attachment["text"]  # noqa: RUF001 - meant
    assert "github" not in str(posted[0].body)


def test_the_end_of_an_alert_reads_as_good_news() -> None:
    """Over is over: no to-do, no numbers, but what it was and since when."""
    message = compose("resolved", FACTS)
    assert message.subject.startswith("[Summerware] OVER Trees of the town: height_known")
    assert message.text.startswith("Over: Trees of the town. It was: height_known does not hold")
    assert "What to do" not in message.text
    assert message.is_good_news


def test_rows_that_no_rule_counted_have_no_share() -> None:
    """Rows off the portal are a number alone; saying it once stopped every message behind it."""
    facts = {name: said for name, said in FACTS.items() if name not in ("rows", "share", "keys")}
    assert "\nRows: 13\n" in compose("opened", {**facts, "kind": "rows_withdrawn"}).text


def test_a_message_that_cannot_be_written_holds_no_other_up(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in one message is its failure, and the next one goes."""
    town.run([rule(), rule("place_known")])
    town.watch()
    with town.store.writing() as writer:
        writer.rephrase(town.outbox()[0].alert_id, {"owner_email": "parks@example.org"})
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", webhook.url)
    delivered = deliver(town.store, moment=datetime.now(UTC))
    assert (delivered.sent, delivered.failed) == (1, 1)
    assert "KeyError" in str([one.failure for one in town.outbox()])


def test_the_warnings_of_a_day_are_one_message() -> None:
    """Each with its own section and id."""
    other = {**FACTS, "alert": "alert-9876543210", "rule": "place_known"}
    message = compose_digest([("opened", FACTS), ("resolved", other)])
    assert message.subject == "[Summerware] Daily digest: 1 to look at, 1 over"
    assert set(ALERT.findall(message.text)) == {"alert-0123456789", "alert-9876543210"}


def test_a_digest_goes_as_one_mail_to_each_owner(
    town: Town, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three warnings, one mail, when they are due and not before."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", mails.url)
    town.write_dataset(alerts={"digest_at": "08:00"})
    names = ("height_known", "place_known", "species_known")
    town.run([rule(name, strength="warning") for name in names])
    assert town.watch("2026-07-01T11:30:00+00:00").delivered.sent == 0
    assert town.watch("2026-07-01T13:00:00+00:00").delivered.sent == 3
    assert mails.subjects == ["[Summerware] Daily digest: 3 to look at, 0 over"]


@pytest.mark.parametrize("mood", ["down", "failing", "dying"])
def test_what_was_not_accepted_is_sent_again(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    """Once the receiver is back it has everything; twice only what it took without an answer."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", webhook.url)
    webhook.mood = mood
    if mood == "down":
        webhook.stop()
    town.run([rule(f"rule_{number}") for number in range(4)])
    first = town.watch()
    assert first.delivered.failed == 2, "a channel that refuses two in a row is left alone"
    assert all(one.due_at > one.created_at for one in town.store.deliveries(states=[PENDING])[:2])
    webhook.mood = "up"
    if mood == "down":
        webhook.start()
    deliver(town.store, moment=datetime.now(UTC) + timedelta(hours=1))
    arrived = webhook.ids(over=False)
    assert set(arrived) == {alert.id for alert in town.open()}
    attempts = {one.alert_id: one.attempts for one in town.outbox()}
    if mood == "dying":
        assert arrived == attempts
        assert sum(arrived.values()) == 6
    else:
        assert set(arrived.values()) == {1}


def test_nobody_hears_that_it_is_over_before_it_began(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages of one alert arrive in their order, also where the first one had to wait."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", webhook.url)
    webhook.mood = "failing"
    town.run([rule()])
    town.watch()
    webhook.mood = "up"
    town.run([PASSED])
    town.watch()
    assert webhook.subjects == []
    for _ in range(2):
        deliver(town.store, moment=datetime.now(UTC) + timedelta(hours=1))
    assert [" OVER " in subject for subject in webhook.subjects] == [False, True]
    assert {one.state for one in town.outbox()} == {SENT}


def test_what_a_dead_process_had_claimed_is_taken_over(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once where it is known to be dead, and never while it lives."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", webhook.url)
    webhook.mood = "failing"
    town.run([rule()])
    town.watch()
    webhook.mood = "up"
    import os
    import socket

    from orchestration.processes import process_started

    later = datetime.now(UTC) + timedelta(hours=1)
    alive = f"{socket.gethostname()}/{os.getpid()}/{process_started(os.getpid())}"
    (waiting,) = town.store.deliveries(states=[PENDING])
    long_ago = "2020-01-01T00:00:00.000+00:00"
    assert town.store.claim(waiting.id, by=alive, stale_before=long_ago, gone=[])
    assert deliver(town.store, moment=later).sent == 0
    town.store.put_back([waiting.id], failure="", due_at=long_ago)
    dead = f"{socket.gethostname()}/{os.getpid()}/1"
    assert town.store.claim(waiting.id, by=dead, stale_before=long_ago, gone=[])
    assert deliver(town.store, moment=later).sent == 1


def test_no_secret_of_an_address_gets_out(
    town: Town, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A password in a channel's address is in no log, no table and on no terminal."""
    secret = "canary-4711-secret"
    urls = [
        f"json://user:{secret}@127.0.0.1:9/{secret}?cto=1",
        f"mailto://user:{secret}@127.0.0.1:9?from=a@example.org&to=b@example.org&mode=insecure",
        f"nonsense://{secret}",
        webhook.url.replace("/alerts", f"/{secret}"),
    ]
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", " ".join(urls))
    with caplog.at_level(logging.DEBUG):
        town.run([rule()])
        assert town.watch().delivered.failed == 3
    failures = [one.failure for one in town.outbox()]
    assert "the address is not one that Apprise knows" in failures
    database = b"".join(path.read_bytes() for path in town.settings.home.rglob("state.db*"))
    told = capfd.readouterr()
    assert secret not in caplog.text + told.out + told.err + str(failures)
    assert secret.encode() not in database


def test_the_owner_stands_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """One channel, another mailbox for each dataset."""
    monkeypatch.setenv("SUMMERWARE_CHANNEL_OWNERS", "mailto://host?to={owner} json://host")
    found = addresses("owners", owner="parks@example.org")
    assert found == ["mailto://host?to=parks%40example.org", "json://host"]


def test_a_message_is_the_same_in_every_rendering() -> None:
    """No rendering lacks a line that another has."""
    message: Message = compose("escalated", FACTS)
    for wanted in WHAT_PEOPLE_NEED:
        assert wanted in message.text
        assert wanted in message.markdown
        assert wanted in message.html


LINKS = [
    "[Sign in](https://evil.example/x)", "![x](http://t/p.png)", "<https://evil.example|Sign in>",
    "www.evil.example", "evil.example/x", "see evil.example.", "xn--e.xn--p1ai", "HTTPS://1.2.3.4/",
    "[x]: //evil.example", "mailto:a@evil.example", "slack://open", "`x`", "*x*", "__x__", "_x_", "~~x~~",
    "@channel", "(@here)", "x@everyone", "<!channel>", "*[x](http://e)*", "a.evil.example:80",
]  # fmt: skip


@pytest.mark.parametrize("written", LINKS)
@pytest.mark.parametrize(
    "name", ["headline", "news", "statement", "not_published", "to_do", "taken"]
)
def test_what_a_stranger_wrote_is_no_link(name: str, written: str) -> None:
    """A key on a portal makes neither a link, nor a call of everybody, nor markup, in any rendering."""
    fact = {"acked_by" if name == "taken" else name: f"T1, {written}."}
    facts = {**FACTS, "links": {}, "owner": None, **fact}
    message = compose("escalated", facts)
    for shown in (message.text, message.html, message.markdown):
        assert not re.search(
            r"\w:/|\b[a-z-]+\.[a-z-]{2,}|(?<!\w)@\w|@everyone|mailto:\S", _words(shown)
        )
    values = [line.split("**", 2)[2] for line in message.markdown.splitlines()[1:] if line]
    values.append(message.markdown.splitlines()[0].strip("*"))
    assert not re.search(r"[][<>`*~]|\b_+(?!\w)|(?<!\w)_", "\n".join(values))


def _words(shown: str) -> str:
    """A rendering without tags of ours, whose styles look like addresses."""
    return re.sub(r"<(/?(div|p|span)\b)[^>]*>", " ", shown)


def test_our_own_sentences_stay() -> None:
    """Rules, shares, files, limits, moments and the address of the owner read as they were written."""
    text = (
        "height_known: 13 of 2,000 (0.65%) in calls_2026.csv at 12:30! "
        "Ask Parks (parks@example.org), or raise limits.height_share in trees.yaml."
    )
    told = compose("news", {**FACTS, "to_do": text}).markdown
    assert text in told
    assert "parks@example.org" in told

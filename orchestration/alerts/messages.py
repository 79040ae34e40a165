"""What a person reads: one message as text, HTML and Markdown, from the facts of an alert.

The facts hold no cell; what is said here is names, counts, ids of lines and sentences of ours.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.alerts.findings import CRITICAL, WEEKLY
from orchestration.alerts.lifecycle import ESCALATED, NEWS, OPENED, RESOLVED
from orchestration.city_time import city_time

_WORDS = {OPENED: "", NEWS: "still", ESCALATED: "needs somebody now", RESOLVED: "over"}
_COLOURS = {CRITICAL: "#b3261e", RESOLVED: "#1b7f3b"}
_SCHEME = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*):(?=/|[^\s:]+@)")
_CALL = re.compile(r"(?i)(?<!\w)@(?=\w)|@(?=(?:all|channel|everyone|here)\b)")
_HOST = re.compile(
    r"(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?!(?:csv|gz|json|parquet|sql|tsv|txt|xlsx|xml|ya?ml)(?![\w-]|\.\w))"
    r"[^\W\d_][^\W_-]*(?:-+[^\W_-]+)*(?![\w-]*_)"
)
"""A name that a browser may go to: it ends in a word, as 0.65 does not, nor as a file or a limit does."""
_EDGE = re.compile(r"(?<!\w)_+|_+(?!\w)")
"""Within a word it marks nothing."""
_MARKUP = str.maketrans("<>[]`*~", "‹›\uff3b\uff3d'\u2217\u223c")  # noqa: RUF001 - meant
_LINK_NAMES = {
    "run": "the run",
    "check": "the check",
    "rule": "the rule",
    "runbook": "what this alert means",
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, rendered three times; whoever sends it takes what the channel shows best."""

    subject: str
    text: str
    html: str
    markdown: str
    is_good_news: bool
    is_critical: bool


def compose(kind: str, facts: Mapping[str, Any]) -> Message:
    """The message that says this of an alert."""
    lines = _lines(kind, facts)
    links = _links(facts)
    is_over = kind == RESOLVED
    colour = _COLOURS.get(RESOLVED if is_over else str(facts["severity"]), "#9a6700")
    return Message(
        subject=subject(kind, facts),
        text="\n".join(
            [_headline(kind, facts), "", *(f"{name}: {value}" for name, value in lines), ""]
            + [f"{name}: {url}" for name, url in links]
        ),
        html=_page(_section(_headline(kind, facts), lines, links, colour)),
        markdown="\n".join(
            [f"**{_unmarked(_headline(kind, facts))}**"]
            + [f"- **{name}**: {_unmarked(value)}" for name, value in lines]
            + [" · ".join(_markdown_link(name, url) for name, url in links)]
        ),
        is_good_news=is_over,
        is_critical=facts["severity"] == CRITICAL and not is_over,
    )


def compose_digest(parts: Sequence[tuple[str, Mapping[str, Any]]]) -> Message:
    """The warnings of a day or a week as one message; what is over by now is only said to be over."""
    over = {facts["alert"] for kind, facts in parts if kind == RESOLVED}
    parts = [part for part in parts if part[0] == RESOLVED or part[1]["alert"] not in over]
    if len(parts) == 1:
        return compose(*parts[0])
    messages = [compose(kind, facts) for kind, facts in parts]
    fresh = sum(kind != RESOLVED for kind, _ in parts)
    is_weekly = all(facts["kind"] in WEEKLY for _, facts in parts)
    title = "Weekly digest of new words" if is_weekly else "Daily digest"
    summary = f"[Summerware] {title}: {fresh} to look at, {len(parts) - fresh} over"
    sections = [
        _section(
            _headline(kind, facts),
            _lines(kind, facts),
            _links(facts),
            _COLOURS[RESOLVED] if kind == RESOLVED else "#9a6700",
        )
        for kind, facts in parts
    ]
    return Message(
        subject=summary,
        text=f"\n\n{'-' * 72}\n\n".join(message.text for message in messages),
        html=_page("".join(sections)),
        markdown="\n\n".join(message.markdown for message in messages),
        is_good_news=fresh == 0,
        is_critical=False,
    )


def subject(kind: str, facts: Mapping[str, Any]) -> str:
    """One line for a list of mails: how bad, whose, what, and the alert's id."""
    label = "OVER" if kind == RESOLVED else str(facts["severity"]).upper()
    word = "" if kind == RESOLVED else _WORDS[kind]
    what = facts["rule"] or str(facts["kind"]).replace("_", " ")
    return f"[Summerware] {label} {facts['title']}: {what} {word}".rstrip() + f" ({facts['alert']})"


def _headline(kind: str, facts: Mapping[str, Any]) -> str:
    if kind == RESOLVED:
        return _unlinked(f"Over: {facts['title']}. It was: {facts['headline']}", facts)
    return _unlinked(f"{facts['title']}: {facts['headline']}", facts)


def _lines(kind: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _unlinked(value, facts)) for name, value in _named(kind, facts)]


def _named(kind: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if facts.get("news"):
        yield ("Why now" if kind == ESCALATED else "New"), str(facts["news"])
    yield "Since", f"{city_time(str(facts['since']))}{_runs(facts)}"
    if kind == RESOLVED:
        yield "Alert", str(facts["alert"])
        return
    if facts.get("statement"):
        yield "Must be true", str(facts["statement"])
    if facts.get("failing"):
        # Only a gate's rule says of how many.
        of = f" of {facts['rows']:,} ({facts['share']:.2%})" if "share" in facts else ""
        keys = f", {facts['keys']:,} keys" if facts.get("keys") else ""
        yield "Rows", f"{facts['failing']:,}{of}{keys}"
    elif facts.get("gate") and facts.get("rows"):
        yield "Rows", f"{facts['rows']:,} looked at"
    if facts.get("examples"):
        yield "Lines, for example", ", ".join(facts["examples"])
    for name, key in (
        ("Not published", "not_published"),
        ("Meanwhile", "portal_shows"),
        ("What to do", "to_do"),
    ):
        if facts.get(key):
            yield name, str(facts[key])
    if facts.get("owner"):
        yield "Owner", f"{facts['owner']}, {facts['owner_email']}"
    taken = facts.get("acked_by")
    yield (
        "Alert",
        f"{facts['alert']}, "
        + (
            f"taken on by {taken}"
            if taken
            else f"take it on: summerware ack {facts['alert']} --by NAME"
        ),
    )


def _runs(facts: Mapping[str, Any]) -> str:
    return f", found by {facts['runs']} runs" if facts["runs"] > 1 else ""


def _links(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = facts.get("links") or {}
    return [(_LINK_NAMES[name], str(found[name])) for name in _LINK_NAMES if found.get(name)]


def _unlinked(text: str, facts: Mapping[str, Any]) -> str:
    """Without what chats and mail programs make a link or a call of: addresses, @channel.

    Somebody else may have written a part of it, such as a key on a portal. The owner's own address
    stays: a person has to write there.
    """
    owner = str(facts.get("owner_email") or "")
    if owner and owner in text:
        return owner.join(_without_links(part) for part in text.split(owner))
    return _without_links(text)


def _without_links(text: str) -> str:
    text = _CALL.sub("@ ", _SCHEME.sub(r"\1: ", text))
    return _HOST.sub(lambda found: found.group().replace(".", "·"), text)


def _unmarked(text: str) -> str:
    """Without what chats take for markup of theirs; `height_known` and 12 * 3 have none."""
    return _EDGE.sub(lambda found: "\uff3f" * len(found.group()), text).translate(_MARKUP)


def _markdown_link(name: str, url: str) -> str:
    return f"[{name}]({url})" if "://" in url else f"{name}: {url}"


def _section(
    headline: str, lines: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]], colour: str
) -> str:
    # Plain paragraphs: whoever turns them into text keeps "name: value" on one line, and addresses.
    named = "".join(
        f'<p style="margin:3px 0"><span style="color:#555">{html.escape(name)}:</span> '
        f"{html.escape(value)}</p>"
        for name, value in lines
    )
    anchors = "".join(
        f'<p style="margin:3px 0;font-size:13px">{html.escape(name)}: {_anchor(url)}</p>'
        for name, url in links
    )
    return (
        f'<div style="border-left:4px solid {colour};padding:2px 0 2px 14px;margin:0 0 22px">'
        f'<p style="font-size:16px;font-weight:bold;margin:0 0 8px">{html.escape(headline)}</p>'
        f"{named}{anchors}</div>"
    )


def _anchor(url: str) -> str:
    shown = html.escape(url)
    return f'<a href="{shown}">{shown}</a>' if "://" in url else shown


def _page(sections: str) -> str:
    return (
        '<div style="font-family:Helvetica,Arial,sans-serif;font-size:14px;color:#1c1b1f;max-width:46em">'
        f"{sections}</div>"
    )

"""Runs a whole probe and keeps what it found, as text for people and as a profile for the portal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import yaml

from orchestration.portal.behaviour import Behaviour, with_switches
from orchestration.portal.probe.checks import CHECKS, Check, DiffersError
from orchestration.portal.probe.scratch import ProbeError, Scratch
from orchestration.portal.probe.switches import FINDERS, Effort, throttle

_ODD_ANSWERS = (
    ProbeError,
    requests.RequestException,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
)
"""What an answer of a shape that we do not know leads to: a finding like any other."""


@dataclass
class Findings:
    """What a probe found out."""

    domain: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    seen: set[str] = field(default_factory=set)
    """The switches that could be seen; the others have our defaults."""
    holds: list[str] = field(default_factory=list)
    differs: dict[str, str] = field(default_factory=dict)
    """Checks that do not hold, and what was seen instead."""

    @property
    def flipped(self) -> dict[str, Any]:
        """The switches that are not as we believed."""
        return {name: here for name, (here, _) in self.behaviour.differences(Behaviour()).items()}

    def as_profile(self) -> dict[str, Any]:
        """What `summerware portal --profile` reads, with the checks beside it."""
        switches = self.behaviour.as_profile()
        return {
            "domain": self.domain,
            "probed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "switches": switches,
            "not_seen": sorted(set(switches) - self.seen),
            "checks": {
                name: {
                    "claim": CHECKS[name].claim,
                    "protocol": CHECKS[name].paragraph,
                    "holds": name in self.holds,
                    **({"seen": self.differs[name]} if name in self.differs else {}),
                }
                for name in (*self.holds, *self.differs)
            },
        }

    def write(self, path: Path) -> None:
        """Writes the profile."""
        text = yaml.safe_dump(self.as_profile(), sort_keys=False, allow_unicode=True, width=100)
        path.write_text(text, encoding="utf-8")


def probe(
    scratch: Scratch, *, effort: Effort | None = None, say: Callable[[str], None] | None = None
) -> Findings:
    """Tries every check and finds every switch, and leaves the scratch dataset empty.

    Raises: ProbeError when there is no access, or the dataset is none to play with.
    """
    effort, say = effort or Effort(), say or (lambda line: None)
    scratch.require()
    findings = Findings(scratch.access.base)
    for name, check in CHECKS.items():
        _try(check, scratch, findings)
        standing = "holds  " if name in findings.holds else "DIFFERS"
        say(f"{standing}  {check.claim} ({check.paragraph})")
        if name in findings.differs:
            say(f"         {findings.differs[name]}")
    values: dict[str, Any] = {}
    for name, find in FINDERS.items():
        with suppress(*_ODD_ANSWERS):
            values[name] = find(scratch, effort)
    if scratch.access.base.startswith("http://"):
        values["require_tls"] = False
    values |= throttle(scratch, effort)
    seen = {name: value for name, value in values.items() if value is not None}
    findings.behaviour, findings.seen = with_switches(Behaviour(), seen), set(seen)
    usual = Behaviour().as_profile()
    for name, value in findings.behaviour.as_profile().items():
        note = "" if name in seen else "  not seen, left as it is"
        note = note if value == usual[name] else f"  instead of {usual[name]}"
        say(f"switch   {name} = {value}{note}")
    with suppress(*_ODD_ANSWERS):
        scratch.start()
    return findings


def _try(check: Check, scratch: Scratch, findings: Findings) -> None:
    try:
        check.run(scratch)
    except DiffersError as error:
        findings.differs[check.name] = str(error)
    except _ODD_ANSWERS as error:
        findings.differs[check.name] = f"{type(error).__name__}: {error}"[:500]
    else:
        findings.holds.append(check.name)

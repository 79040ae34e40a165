"""Who gets a message, and when: the routes of the dataset file, the addresses of the environment.

A channel `chat` is the Apprise URLs in `SUMMERWARE_CHANNEL_CHAT`, with blanks between; `{owner}` in
one stands for the e-mail address of the dataset's owner. The URLs hold secrets: they are read where
they are needed, and shown nowhere.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

from orchestration.alerts.findings import CAN_WAIT, CRITICAL, FOR_ENGINEERS, WARNING, WEEKLY
from orchestration.city_time import CITY
from orchestration.dataset import WEEKDAYS, Alerts, Dataset, Escalation, Quiet
from orchestration.settings import uses_daemon
from orchestration.state.alerts import Addressed, Alert

_MORNING = time(8, 0)
"""When the weekly digest goes where a dataset file wants no daily one."""


def variable_of(channel: str) -> str:
    """The environment variable that says what a channel is."""
    return f"SUMMERWARE_CHANNEL_{channel.upper()}"


def addresses(channel: str, *, owner: str = "") -> list[str]:
    """The Apprise URLs of a channel; none where the environment does not name it."""
    urls = os.environ.get(variable_of(channel), "").split()
    return [url.replace("{owner}", quote(owner)) for url in urls]


@dataclass(frozen=True)
class Router:
    """Routes of all datasets at one moment."""

    datasets: Mapping[str, Dataset]
    moment: datetime

    @property
    def now(self) -> str:
        """The moment as the state database keeps it."""
        return self.moment.astimezone(UTC).isoformat(timespec="milliseconds")

    def addressed(self, alert: Alert, *, is_escalation: bool) -> list[Addressed]:
        """Where a message about an alert goes, and when."""
        rules = self._rules(alert)
        if is_escalation:
            channels = [*_further(rules), *self._channels(alert, rules)]
        else:
            channels = self._channels(alert, rules)
        due_at, is_digest = self._due(alert, rules, at_once=is_escalation)
        found = []
        for channel in dict.fromkeys(channels):
            count = len(addresses(channel))
            found += [
                Addressed(
                    channel=channel,
                    address=number,
                    is_digest=is_digest,
                    due_at=due_at.isoformat(timespec="milliseconds"),
                    is_known=count > 0,
                )
                for number in range(count or 1)
            ]
        return found

    def escalation(self, alert: Alert) -> Escalation:
        """When an alert escalates."""
        return self._rules(alert).escalate

    def _rules(self, alert: Alert) -> Alerts:
        dataset = self.datasets.get(alert.dataset or "")
        return dataset.alerts if dataset else Alerts()

    def _channels(self, alert: Alert, rules: Alerts) -> list[str]:
        if alert.dataset is None:
            return all_engineers(self.datasets.values())
        if alert.kind in FOR_ENGINEERS:
            return list(rules.engineers)
        is_critical = alert.severity == CRITICAL
        return [route.to for route in rules.routes if is_critical or route.severity == WARNING]

    def _due(self, alert: Alert, rules: Alerts, *, at_once: bool) -> tuple[datetime, bool]:
        if at_once or alert.severity == CRITICAL:
            return self.moment, False
        if alert.kind in WEEKLY:
            # Without a daemon the first run after that hour sends it.
            clock = rules.digest_at or _MORNING
            return _next(clock, self.moment, weekday=WEEKDAYS.index(rules.weekly_on)), True
        if rules.digest_at is not None and alert.kind in CAN_WAIT:
            # Without a daemon nobody looks at that hour: all of a run go together at its end.
            due_at = _next(rules.digest_at, self.moment) if uses_daemon() else self.moment
            return due_at, True
        if rules.quiet is not None and is_quiet(rules.quiet, self.moment) and uses_daemon():
            return _next(rules.quiet.end, self.moment), False
        return self.moment, False


def all_engineers(datasets: Iterable[Dataset]) -> list[str]:
    """The channels of the engineers of every dataset, each once."""
    return list(dict.fromkeys(name for one in datasets for name in one.alerts.engineers))


def all_channels(datasets: Iterable[Dataset]) -> list[str]:
    """Every channel that some dataset file names, each once."""
    return sorted(
        {
            name
            for one in datasets
            for name in (
                *(route.to for route in one.alerts.routes),
                *one.alerts.engineers,
                *_further(one.alerts),
            )
        }
    )


def _further(rules: Alerts) -> list[str]:
    return [rules.escalate.to] if rules.escalate.to else []


def is_quiet(quiet: Quiet, moment: datetime) -> bool:
    """Whether a moment is within the quiet hours, which may go over midnight."""
    clock = moment.astimezone(CITY).time()
    if quiet.start < quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


def _next(clock: time, moment: datetime, *, weekday: int | None = None) -> datetime:
    """The next time that the city's clocks show this, on any day or on one of the week (0: Monday)."""
    local = moment.astimezone(CITY)
    day = local.date()
    while (weekday is not None and day.weekday() != weekday) or (
        (due := datetime.combine(day, clock, tzinfo=CITY)) <= local
    ):
        day += timedelta(days=1)
    return due.astimezone(UTC)

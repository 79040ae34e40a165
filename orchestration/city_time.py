"""The city's clock: which day it is there, and how a moment is written for people, with its zone."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from orchestration.dataset import TIME_ZONE

CITY = ZoneInfo(TIME_ZONE)


def city_time(moment: datetime | str) -> str:
    """A moment with a zone, such as 2026-11-30 06:19 CST."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone(CITY):%Y-%m-%d %H:%M %Z}"


def city_today() -> date:
    """The day that the city has now."""
    return datetime.now(CITY).date()

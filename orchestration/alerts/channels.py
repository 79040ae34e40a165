"""Sends one message to one Apprise URL. URLs hold secrets: nothing of one leaves this module.

What is said of a failure is an HTTP status or the kind of an error, never what a library logs.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.alerts.messages import Message
from orchestration.visible import visible

_CONNECT_SECONDS, _READ_SECONDS = 10, 20
_STATUS = re.compile(r"error=(\d{3})\b")


def send(url: str, message: Message) -> str | None:
    """Sends it; none where it was accepted, else why not."""
    with _secretly() as heard:
        try:
            is_accepted = _notify(url, message)
        except Exception as error:  # noqa: BLE001 - a plugin raises whatever its library raises
            return type(error).__name__
    if is_accepted is None:
        return "the address is not one that Apprise knows"
    if is_accepted:
        return None
    return f"HTTP {heard.status}" if heard.status else "no answer, or not accepted"


def _notify(url: str, message: Message) -> bool | None:
    """Whether it was accepted; none where no plugin knows the address."""
    import apprise

    # Its own name and pictures would be fetched from elsewhere by whoever reads the message.
    asset = apprise.AppriseAsset(
        app_id="Summerware", app_desc="Summerware", app_url="", image_url_mask="", image_url_logo=""
    )
    plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is None:
        return None
    plugin.redirects = False
    # Apprise waits four seconds unless the address says otherwise: many a mail server takes longer.
    if "cto=" not in url:
        plugin.socket_connect_timeout = _CONNECT_SECONDS
    if "rto=" not in url:
        plugin.socket_read_timeout = _READ_SECONDS
    body, body_format = _fitting(plugin, message)
    return bool(
        plugin.notify(
            body=visible(body, keep="\n"),
            title=visible(message.subject),
            notify_type=_notify_type(message),
            body_format=body_format,
        )
    )


@contextmanager
def _secretly() -> Iterator["_Statuses"]:
    """Both libraries write addresses into their logs: nobody else hears them meanwhile."""
    heard = _Statuses()
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3.connectionpool")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(heard)
        logger.propagate = False
    try:
        yield heard
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(heard)
            logger.propagate = propagate


def _fitting(plugin: object, message: Message) -> tuple[str, str]:
    """The rendering that a channel shows best, and its name."""
    import apprise

    formats = getattr(plugin, "notify_format", None)
    best = formats[0] if isinstance(formats, tuple) else formats
    if best == apprise.NotifyFormat.HTML:
        return message.html, apprise.NotifyFormat.HTML
    if best == apprise.NotifyFormat.MARKDOWN:
        return message.markdown, apprise.NotifyFormat.MARKDOWN
    return message.text, apprise.NotifyFormat.TEXT


def _notify_type(message: Message) -> str:
    import apprise

    if message.is_good_news:
        return str(apprise.NotifyType.SUCCESS.value)
    kind = apprise.NotifyType.FAILURE if message.is_critical else apprise.NotifyType.WARNING
    return str(kind.value)


class _Statuses(logging.Handler):
    """Listens for the HTTP status in what a plugin logs, and lets nothing else through."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.status: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the last status."""
        found = _STATUS.search(record.getMessage())
        if found:
            self.status = found.group(1)

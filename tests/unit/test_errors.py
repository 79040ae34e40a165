"""What an error that nobody foresaw is told as."""

import errno
import os
import shutil
import socket
import ssl
import urllib.error
from collections.abc import Iterator

import pytest
import requests

from orchestration.errors import unforeseen

SYSTEM = {os.strerror(number) for number in (0, *errno.errorcode)}


def _kinds(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


OTHERS = {
    **{kind.__name__: kind("secret") for kind in _kinds(requests.RequestException)
       if not issubclass(kind, ValueError)},
    "an address": socket.gaierror(socket.EAI_NONAME, "secret"),
    "TLS": ssl.SSLError(1, "secret"),
    "copying": shutil.Error([("secret", "secret", "secret")]),
    "urllib": urllib.error.URLError("secret"),
    "a text": OSError("secret"),
    "two texts": OSError("secret", "secret"),
    "no such number": OSError(99_999, "secret"),
    "nothing": OSError(0, "secret"),
    "timed out": TimeoutError("secret"),
}  # fmt: skip


@pytest.mark.parametrize("number", errno.errorcode, ids=errno.errorcode.get)
def test_what_the_system_says_is_said(number: int) -> None:
    said = str(unforeseen("run", OSError(number, "secret", "/secret/a.csv")))
    assert said.startswith(f"run: a.csv could not be used ({os.strerror(number)}) (")
    assert "secret" not in said


@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS)
def test_what_the_system_did_not_say_is_not_said(error: OSError) -> None:
    """Libraries raise errors of files without a number, or with one of their own."""
    said = str(unforeseen("run", error))
    assert f"a file or address could not be used ({type(error).__name__} at " in said
    assert not [one for one in SYSTEM if f"({one})" in said]
    assert "secret" not in said

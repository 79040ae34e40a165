"""Answers that no client of ours takes: they lead elsewhere, are not done, or are too large.

Raised before a body is read, or as soon as it is too much (`bounded_answers`). What they mean for a
publication, a source or a check is said there.
"""

import requests


class Redirected(requests.RequestException):
    """Somebody sent us elsewhere; nobody went: neither logins nor rows are for other addresses."""


class NoAnswerYet(requests.RequestException):
    """The portal says that it is not done (202)."""


class AnswerTooLarge(requests.RequestException):
    """An answer unpacks to more than answers may; the message says which setting allows more."""

"""No client of ours goes where an answer sends it: neither logins nor rows are for other addresses."""

from typing import Any

import requests
from requests.auth import HTTPBasicAuth


class Redirected(requests.RequestException):
    """Somebody sent us elsewhere; nobody went."""


def refuse_redirect(answer: requests.Response, **_: Any) -> None:
    """A `response` hook of a session or a request: sees an answer before requests would follow it.

    Raises:
        Redirected: the answer sends us elsewhere.
    """
    if 300 <= answer.status_code < 400:
        # Nobody reads its body any more; the connection must not wait for that.
        answer.close()
        raise Redirected(response=answer)


class StayingLogin(HTTPBasicAuth):
    """A login that goes nowhere else, for clients that keep their sessions to themselves."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the login to a request, and the hook."""
        request.hooks["response"].append(refuse_redirect)
        super().__call__(request)  # type: ignore[no-untyped-call]
        return request

"""sodapy behind bars: the only module of publishing that knows it, and its traps out of reach.

What sodapy does in silence, this client refuses (protocol 1.4): dropping a dataset for an empty row
id, following a redirect with the rows left behind, taking an accepted request for a finished one,
JSON that is none, one object instead of a list, replacing a dataset by nothing unless that is asked
for by name. Rows go as ready-made bytes, or as a file of them; a list or a text file is never taken.
What an answer means is for `responses`.
"""

import io
import json
import logging
import uuid
from typing import Any

import requests
from sodapy import Socrata

from orchestration.bounded_answers import BoundedAdapter

TIMEOUT_SECONDS = 600
_ROWS = "/resource/"
_JSON = {"Content-Type": "application/json"}
_VERSION = {"$$version": "2.0"}
_ALL_OR_NOTHING = {**_VERSION, "errorsAreFatal": "true"}
"""A hint: portals that do not heed it may leave rows out of a replacement."""
_WRITES: dict[str, tuple[Any, dict[str, str]]] = {
    "post": (bytes, _VERSION),
    "put": (io.BufferedReader, _ALL_OR_NOTHING),
}

# They write request addresses, which hold filters and so keys.
for _talkative in ("sodapy", "urllib3.connectionpool"):
    logging.getLogger(_talkative).setLevel(logging.ERROR)


class OutOfReach(TypeError):
    """A call that loses data in silence; a mistake in our code, never a portal's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: out of reach, because it loses data in silence")


class SodaClient(Socrata):  # type: ignore[misc]
    """sodapy's client with our behaviour: one request for each call, whose answer stays at hand."""

    def __init__(
        self,
        domain: str,
        app_token: str,
        *,
        username: str,
        password: str,
        scheme: str,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__(
            domain,
            app_token,
            username=username,
            password=password,
            timeout=timeout,
            session_adapter={"prefix": f"{scheme}://", "adapter": BoundedAdapter()},
        )
        self.request_id = ""
        self.answer: requests.Response | None = None
        self.session.hooks["response"].append(self.see)

    def read(self, portal_id: str, query: dict[str, Any]) -> requests.Response:
        """Rows as the portal wrote them: sodapy's `get` would make a Python object of each."""
        self._begin()
        address = f"{self.uri_prefix}{self.domain}{_ROWS}{portal_id}.json"
        answer: requests.Response = self.session.get(address, params=query, timeout=self.timeout)
        answer.raise_for_status()
        return answer

    def _perform_request(self, request_type: str, resource: str, **kwargs: Any) -> Any:
        self._begin()
        return super()._perform_request(request_type, resource, **kwargs)

    def empty(self, portal_id: str) -> Any:
        """Replaces a dataset by nothing: the one call that leaves no row."""
        return self._perform_request(
            "put", f"{_ROWS}{portal_id}.json", data=b"[]", headers=_JSON, params=_ALL_OR_NOTHING
        )

    def _perform_update(self, method: str, resource: str, payload: Any) -> Any:
        """Rows as bytes by POST, or a whole dataset as a file by PUT; metadata as an object.

        None of them is ever a broken JSON.
        """
        options: dict[str, Any] = {"headers": _JSON}
        if resource.startswith(_ROWS):
            kind, params = _WRITES[method]
            if not isinstance(payload, kind):
                raise OutOfReach(f"rows as {type(payload).__name__}, not as bytes of JSON")
            start = payload.peek(2) if isinstance(payload, io.BufferedReader) else payload
            if start[:2] != b"[{":
                raise OutOfReach("a write that is no list of rows, or an empty one")
            options |= {"data": payload, "params": params}
        else:
            options |= {"data": json.dumps(payload, allow_nan=False).encode()}
        return self._perform_request(method, resource, **options)

    def delete(self, *_: Any, **__: Any) -> Any:
        """Never: an empty row id would drop the dataset. Rows are deleted by upsert."""
        raise OutOfReach("sodapy's delete, which drops datasets")

    def get_all(self, *_: Any, **__: Any) -> Any:
        """Never: its pages have no order, so rows come twice or not at all."""
        raise OutOfReach("sodapy's get_all, whose pages have no order")

    def download_attachments(self, *_: Any, **__: Any) -> Any:
        """Never: it sends no login, waits for ever, and takes error pages for files."""
        raise OutOfReach("sodapy's download_attachments")

    def create_non_data_file(self, *_: Any, **__: Any) -> Any:
        """Never: a file is no dataset of ours."""
        raise OutOfReach("files instead of rows")

    def replace_non_data_file(self, *_: Any, **__: Any) -> Any:
        """Never: it would replace a dataset by a file."""
        raise OutOfReach("files instead of rows")

    def close(self) -> None:
        """Ends the session, and with the last answer the connection that it holds open."""
        self.forget()
        super().close()

    def forget(self) -> None:
        """Lets go of the last answer, which may be large."""
        self.answer = None

    def see(self, answer: requests.Response, **_: Any) -> None:
        """Keeps an answer and its name: a whole one before sodapy believes it, or a refused one."""
        self.answer = answer
        self.request_id = answer.headers.get("X-Socrata-RequestId", self.request_id)

    def _begin(self) -> None:
        """Names the next request, so that one whose answer is lost has a name too."""
        self.request_id = uuid.uuid4().hex
        self.answer = None
        self.session.headers["X-Socrata-RequestId"] = self.request_id

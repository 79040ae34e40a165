"""Every fault does what it says, at the requests it names, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from orchestration.portal.server import PortalServer

LOGIN = ("local", "local")
COUNTERS = ("Rows Created", "Rows Updated", "Rows Deleted", "Errors")


class Target:
    """A dataset with the row `a`, and plain HTTP to it; every request on a connection of its own."""

    def __init__(self, server: PortalServer) -> None:
        self.server = server
        self.base = f"http://{server.address}"
        columns = [{"fieldName": n, "name": n, "dataTypeName": "text"} for n in ("key", "name")]
        body = {"name": "F", "columns": columns, "metadata": {"rowIdentifier": "key"}}
        made = requests.post(f"{self.base}/api/views.json", json=body, auth=LOGIN)
        self.id = str(made.json()["id"])
        self.url = f"{self.base}/resource/{self.id}.json"
        self.send([{"key": "a"}])

    def fault(self, text: str):
        return self.server.faults.add(text)

    def send(self, rows, **options) -> requests.Response:
        return requests.post(
            self.url, json=rows, auth=LOGIN, allow_redirects=False, timeout=10, **options
        )

    def keys(self) -> list[str]:
        answer = requests.get(self.url, params={"$order": "key"}, auth=LOGIN, timeout=10)
        return [row["key"] for row in answer.json()]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[PortalServer]:
    with PortalServer(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture
def target(server) -> Iterator[Target]:
    yield Target(server)
    server.faults.clear()


def counts(answer) -> tuple[int, ...]:
    return tuple(answer.json()[name] for name in COUNTERS)


STATUSES = ["408", "409", "413", "429", "500", "502", "503", "504"]


@pytest.mark.parametrize("kind", STATUSES)
def test_status_is_answered_and_nothing_stored(target, kind):
    """The second request fails with an error object, and those around it do not (2.3, codes)."""
    standing = target.fault(f"{kind}:at=2")
    answers = [target.send([{"key": key}]) for key in "bcd"]
    assert [answer.status_code for answer in answers] == [200, int(kind), 200]
    assert answers[1].json()["error"] is True
    assert "Retry-After" not in answers[1].headers
    assert target.keys() == ["a", "b", "d"]
    request_id = answers[1].headers["X-Socrata-RequestId"]
    assert [s.request_id for s in standing.struck] == [request_id]


@pytest.mark.parametrize("kind", ["500", "502", "504"])
def test_status_after_the_rows_were_stored(target, kind):
    """With `stored` the answer lies: the rows are there (2.3, 5xx)."""
    target.fault(f"{kind}:stored,times=1")
    assert target.send([{"key": "b"}]).status_code == int(kind)
    assert target.keys() == ["a", "b"]


def test_429_says_when_to_come_back(target):
    """`seconds` is its `Retry-After` (2.3, 429)."""
    target.fault("429:seconds=3,times=1")
    assert target.send([{"key": "b"}]).headers["Retry-After"] == "3"


@pytest.mark.parametrize(("kind", "stored"), [("reset-before", []), ("reset-after", ["b"])])
@pytest.mark.parametrize("size", [1, 20_000], ids=["small", "large"])
def test_connection_is_cut(target, kind, stored, size):
    """The client sees a reset and no answer, with the rows stored or not (2.3, resets)."""
    target.fault(f"{kind}:at=1")
    rows = [{"key": "b", "name": "x" * 100}] * size
    with pytest.raises(requests.ConnectionError, match=r"(?i)reset|aborted|closed"):
        target.send(rows)
    assert target.keys() == ["a", *stored]
    assert target.send([{"key": "c"}]).status_code == 200


def test_slow_answer(target):
    """It comes `seconds` late, and the rows are stored."""
    target.fault("slow:seconds=0.4,at=1")
    began = time.perf_counter()
    assert counts(target.send([{"key": "b"}])) == (1, 0, 0, 0)
    assert time.perf_counter() - began >= 0.4
    assert target.keys() == ["a", "b"]


@pytest.mark.parametrize(("option", "seen"), [("", ["a"]), (",stored", ["a", "b"])])
def test_slow_before_or_after_the_commit(target, option, seen):
    """A client that gave up cannot know: the rows may be there at that time or not (1.4)."""
    target.fault(f"slow:seconds=1.0,at=1{option}")
    with pytest.raises(requests.ReadTimeout):
        requests.post(target.url, json=[{"key": "b"}], auth=LOGIN, timeout=0.4)
    assert target.keys() == seen


@pytest.mark.parametrize("how", ["ticket", "location"])
@pytest.mark.parametrize(("option", "stored"), [("", []), (",stored", ["b"])])
def test_202_is_no_promise(target, how, option, stored):
    """Accepted is not done: in either form there may be rows or not (2.3, 202)."""
    target.fault(f"202:times=1,how={how}{option}")
    answer = target.send([{"key": "b"}])
    assert answer.status_code == 202
    assert ("ticket" in answer.text) is (how == "ticket")
    assert ("Location" in answer.headers) is (how == "location")
    assert target.keys() == ["a", *stored]


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirect_leads_to_the_other_name(target, status):
    """A domain alias; followed, a POST becomes a GET that looks like success (1.4)."""
    target.fault(f"redirect:status={status},times=1")
    answer = target.send([{"key": "b"}])
    assert answer.status_code == status
    assert answer.headers["Location"] == target.url.replace("127.0.0.1", "localhost")
    assert target.keys() == ["a"]


@pytest.mark.parametrize("status", [200, 502])
def test_html_page(target, status):
    """A page for people where clients expect JSON (1.3)."""
    target.fault(f"html:status={status},times=1")
    answer = target.send([{"key": "b"}])
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert target.keys() == ["a"]


def test_row_errors_are_counted(target):
    """`Errors` is more than 0 in an answer of 200: named rows are not stored (0.4)."""
    target.fault("row-errors:key=b,key=d")
    answer = target.send([{"key": key} for key in "abcd"])
    assert counts(answer) == (1, 1, 0, 2)
    assert target.keys() == ["a", "c"]


def test_row_errors_without_keys_take_the_first_rows(target):
    """`rows` says how many; `$$version=2.0` says which (2.3, answer bodies)."""
    target.fault("row-errors:rows=2,times=1")
    answer = target.send([{"key": k} for k in "bcd"], params={"$$version": "2.0"}).json()
    assert [(e["input_index"], e["primary_key"]) for e in answer["errors"]] == [(0, "b"), (1, "c")]
    assert target.keys() == ["a", "d"]


@pytest.mark.parametrize("status", [400, 502])
def test_poison_row_fails_the_whole_request(target, status):
    """Whichever request holds the row fails, and its message names neither row nor key (2.3)."""
    target.fault(f"poison:key=c,status={status}")
    answer = target.send([{"key": "b"}, {"key": "c"}])
    assert answer.status_code == status
    assert "c" not in answer.json()["message"].split()
    assert target.keys() == ["a"]
    assert target.send([{"key": "b"}]).status_code == 200


def test_poison_may_blame_a_column_and_quotes_its_cell(target):
    """As the real server's messages do: the column and the value, and no word about which row."""
    target.fault("poison:key=c,column=name")
    message = target.send([{"key": "c", "name": "Ann"}]).json()["message"]
    assert "column name" in message
    assert '"Ann"' in message


def test_row_errors_may_blame_a_column(target):
    """The reason of each row that is left out names the column (2.3, `$$version=2.0`)."""
    target.fault("row-errors:key=b,column=name")
    rows = [{"key": "b", "name": "Ann"}]
    answer = target.send(rows, params={"$$version": "2.0"}).json()
    assert [error["input_index"] for error in answer["errors"]] == [0]
    assert 'column name: got value "Ann"' in answer["errors"][0]["error"]


@pytest.mark.parametrize(
    ("how", "told"), [("zeros", (0, 0, 0, 1)), ("updated", (0, 2, 0, 1)), ("doubled", (2, 2, 0, 1))]
)
def test_counters_lie(target, how, told):
    """The rows are right and the counters are not (2.3, 4)."""
    target.fault(f"wrong-counters:how={how},times=1")
    rows = [{"key": "a"}, {"key": "b"}, {"key": "zz", ":deleted": True}]
    assert counts(target.send(rows)) == told
    assert target.keys() == ["a", "b"]


def test_dropped_chunk(target):
    """The answer is fine and nothing is stored."""
    target.fault("dropped-chunk:at=2")
    answers = [counts(target.send([{"key": key}])) for key in "bcd"]
    assert answers == [(1, 0, 0, 0)] * 3
    assert target.keys() == ["a", "b", "d"]


def test_duplicated_chunk(target):
    """Applied twice: with a row identifier nothing shows but the version, without one rows do."""
    target.fault("duplicated-chunk:times=1")
    before = requests.get(target.url, auth=LOGIN).headers["X-SODA2-Truth-Version"]
    assert counts(target.send([{"key": "b"}])) == (1, 0, 0, 0)
    after = requests.get(target.url, auth=LOGIN).headers["X-SODA2-Truth-Version"]
    assert (target.keys(), int(after) - int(before)) == (["a", "b"], 2)


def test_duplicated_chunk_without_identifier(target):
    """Each row is there twice (2.3, no row identifier)."""
    columns = [{"fieldName": "name", "name": "name"}]
    made = requests.post(
        f"{target.base}/api/views", json={"name": "N", "columns": columns}, auth=LOGIN
    )
    url = f"{target.base}/resource/{made.json()['id']}.json"
    target.fault("duplicated-chunk")
    requests.post(url, json=[{"name": "x"}], auth=LOGIN)
    assert requests.get(url, auth=LOGIN).json() == [{"name": "x"}, {"name": "x"}]


def test_disk_full(target):
    """It is a 500 with a tag, nothing of the request is stored, and the portal goes on."""
    target.fault("disk-full:times=1")
    answer = target.send([{"key": "b"}])
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert target.keys() == ["a"]
    assert target.send([{"key": "b"}]).status_code == 200


def test_stale_replica(target):
    """Reads go on showing the state when the fault was set, and say so (2.7)."""
    standing = target.fault("stale-replica")
    target.send([{"key": "b"}])
    answer = requests.get(target.url, auth=LOGIN)
    assert [row["key"] for row in answer.json()] == ["a"]
    assert answer.headers["X-SODA2-Data-Out-Of-Date"] == "true"
    count = requests.get(target.url, params={"$select": "count(*)"}, auth=LOGIN).json()
    assert count == [{"count": "1"}]
    target.server.faults.remove(standing)
    assert target.keys() == ["a", "b"]


def test_stale_replica_that_lies(target):
    """The headers call it fresh: only the content can tell (2.7)."""
    target.fault("stale-replica:how=lying")
    target.send([{"key": "b"}])
    answer = requests.get(target.url, auth=LOGIN)
    assert [row["key"] for row in answer.json()] == ["a"]
    assert answer.headers["X-SODA2-Data-Out-Of-Date"] == "false"


def test_stale_replica_of_a_dataset_it_has_not_seen(target):
    """A dataset that is newer than the state is there, and empty (2.7)."""
    target.fault("stale-replica")
    newer = Target(target.server)
    assert newer.keys() == []
    assert requests.get(f"{newer.base}/resource/{newer.id}/a", auth=LOGIN).status_code == 404


def test_faults_strike_only_their_path(target):
    """A prefix chooses a dataset; reads and other datasets go on."""
    other = Target(target.server)
    target.fault(f"503@POST /resource/{target.id}")
    assert target.send([{"key": "b"}]).status_code == 503
    assert other.send([{"key": "b"}]).status_code == 200
    assert target.keys() == ["a"]


def test_faults_under_many_requests_at_once(target):
    """Every fourth of forty concurrent requests is struck, each once, and loses its row alone."""
    standing = target.fault("503:every=4")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: target.send([{"key": f"k{n:02}"}]), range(40)))
    lost = {f"k{n:02}" for n, answer in enumerate(answers) if answer.status_code == 503}
    assert (len(lost), len(standing.struck)) == (10, 10)
    assert set(target.keys()) == {"a", *(f"k{n:02}" for n in range(40))} - lost

"""A grove whose species decide a policy, and the real page for signing over it, on loopback."""

import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import requests
import yaml

from orchestration.classification.guarding import quiet_server
from orchestration.classification.in_force import classes_in_force
from orchestration.classification.page import SigningPage
from orchestration.layers import finish_layer, workspace
from orchestration.settings import Settings
from orchestration.state.classifications import ClassificationStore
from orchestration.state.store import State
from orchestration.terminal import find_dataset
from tests.unit.publishing.conftest import trees_file

REVIEWED = {
    "authority": "the charter", "source": "S", "approved_by": "B",
    "approved_on": "2020-01-01", "review_on": "2030-01-01",
}  # fmt: skip
POLICIES = [
    {"id": "secret_withheld", "action": "withhold", "column": "species", "values": ["Secret Oak"]}
    | {"statement": "Secret trees stay secret.", **REVIEWED},
    {"id": "rare_without_place", "action": "redact", "column": "species", "values": ["Rare Elm"]}
    | {"statement": "Rare trees have no place.", "redacts": ["place"], **REVIEWED},
]
SIGNERS = """name,roles
Ann,engineer
Amy,engineer
Bob,custodian
Bea,custodian
Eve,engineer custodian
Ron,releaser
"""
NAMES = ["Ann", "Amy", "Bob", "Bea", "Eve"]
PERSON = "JAMES MILLER 504-555-0142"
SPECIES = ["Oak", "Oak", "Plane", "Plane", "Plane", "Secret Oka", "", PERSON]


class Grove:
    """A home with one dataset, its newest lines, and the page served over it."""

    def __init__(self, settings: Settings, state: State) -> None:
        self.settings, self.state = settings, state
        settings.datasets_dir.mkdir(exist_ok=True)
        (settings.datasets_dir / "trees.yaml").write_text(
            yaml.safe_dump(trees_file(policies=POLICIES))
        )
        (settings.datasets_dir / "signers.csv").write_text(SIGNERS)
        self.write_classes("Oak,harmless")
        self.land(SPECIES)
        self.links: dict[str, str] = {}

    def write_classes(self, *words: str) -> None:
        lines = "".join(f"species,{word},a list,\n" for word in words)
        path = self.settings.datasets_dir / "trees.classes.csv"
        path.write_text(f"column,value,class,source,until\n{lines}")

    def land(self, species: Sequence[str]) -> None:
        rows = pa.table(
            {"species": pa.array(species, pa.string()), "_extract_id": ["x1"] * len(species)}
        ).append_column(
            "_extracted_at", pa.array([1_760_000_000_000_000] * len(species), pa.timestamp("us"))
        )
        run_id = f"run-{len(list(self.settings.layers.glob('trees/raw/*')))}"
        with workspace(self.settings, run_id, "raw") as folder:
            pq.write_table(rows, folder / "rows.parquet")
            finish_layer(
                self.settings, self.state, dataset="trees", layer="raw", run_id=run_id, upstream=None,
                files=[folder / "rows.parquet"], facts={"columns": ["species"]},
            )  # fmt: skip

    def get(self, name: str, query: str = "") -> str:
        found = requests.get(self.links[name] + query, timeout=30)
        assert found.status_code == 200, found.text
        return found.text

    def post(self, name: str, form: Mapping[str, Any], **headers: str | None) -> requests.Response:
        origin = self.links[name].rpartition("/")[0]
        return requests.post(
            self.links[name], data=form, headers={"Origin": origin} | headers, timeout=30
        )  # type: ignore[arg-type]

    def propose(
        self, name: str, word: str, said: str = "harmless", reason: str = "so", **more: str
    ) -> requests.Response:
        """Fills in the form of a word on the page as it is now, and sends it."""
        return self.post(name, self.form(name, word, said, reason, **more))

    def form(
        self, name: str, word: str, said: str = "harmless", reason: str = "so", **more: str
    ) -> dict[str, str]:
        card = self.card(name, word)
        key = re.search(r'name="answer\.([0-9a-f]+)"', card)
        assert key
        fields = dict(re.findall(r'type="hidden"[^>]* name="([^"]+)" value="([^"]*)"', card))
        named = {f"{field}.{key[1]}": value for field, value in more.items()}
        return (
            fields | {f"answer.{key[1]}": said, f"reason.{key[1]}": reason, "do": "propose"} | named
        )

    def card(self, name: str, word: str) -> str:
        """The part of the page on one word."""
        cards = re.findall(r'<section class="card">.*?</section>', self.get(name), re.DOTALL)
        return next(card for card in cards if word in card.partition("</h3>")[0])

    def ticks(self, name: str) -> list[str]:
        return re.findall(r'name="tick" value="([^"]+)"', self.get(name))

    def sign(self, name: str, ticks: Sequence[str], do: str = "sign") -> requests.Response:
        return self.post(name, {"do": do, "tick": ticks})

    def class_of(self, word: str) -> tuple[str, ...] | None:
        dataset = find_dataset(self.settings, "trees")
        return classes_in_force(self.settings, self.state, dataset).of("species", word)

    def answers(self) -> list[tuple[str, str, bool, bool]]:
        found = ClassificationStore(self.state).classifications("trees")
        return [
            (c.value, c.verdict, c.signed_at is not None, c.refused_at is not None) for c in found
        ]


@contextmanager
def served(settings: Settings, state: State) -> Iterator[Grove]:
    """The grove, with its page served."""
    made = Grove(settings, state)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        page = SigningPage(made.settings, state, "trees", NAMES, port=port)
        made.links = dict(page.links)
        server = quiet_server(page.app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield made
        server.should_exit = True
        thread.join()

"""No secret and no personal value leaves: planted in every way in, searched in every way out.

A name stands in all cells of some lines, in an unlisted column, and in what makes a rule crash; secrets
stand in every variable that may hold one. Only the rows themselves, under `extracts/` and `layers/`,
may hold the name, and no file at all a secret.
"""

import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import yaml

from orchestration.dataset import load_dataset, plain_heading
from orchestration.sources.sample import generate
from tests.acceptance.city import City, copied, dataset_ids
from tests.byte_scan import places_of
from tests.receivers import MailServer, Webhook, free_port, serving

NAME = "Janeroe Quibblecanary"
SECRET = "tok3n-quibblesecret"
DAYS = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3))


@dataclass(frozen=True, kw_only=True)
class Story:
    """A city after three days, and everything that it said to anybody."""

    city: City
    said: str
    mails: MailServer
    webhook: Webhook


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with (
        pytest.MonkeyPatch.context() as environment,
        serving(MailServer()) as mails,
        serving(Webhook()) as webhook,
    ):
        city = City(tmp_path_factory.mktemp("canaries"), environment)
        settings = city.settings
        city.use(
            SUMMERWARE_EXPECTATIONS=copied(settings.expectations_dir, city.root / "expectations"),
            SUMMERWARE_DATASETS=copied(settings.datasets_dir, city.root / "datasets"),
        )
        for path in city.settings.datasets_dir.glob("*.yaml"):
            content = yaml.safe_load(path.read_text())
            path.write_text(yaml.safe_dump(content | {"alerts": {"digest_at": None}}))
        hook = webhook.url.replace("/alerts", f"/{SECRET}")
        dead = f"json://user:{SECRET}@127.0.0.1:{free_port()}/{SECRET}?cto=1"
        environment.setenv("SUMMERWARE_CHANNEL_OWNERS", f"{mails.url} {hook} {dead}")
        environment.setenv("SUMMERWARE_CHANNEL_ENGINEERS", f"{hook} {dead}")
        environment.setenv("SUMMERWARE_HEARTBEAT_URL", f"http://127.0.0.1:{webhook.port}/{SECRET}")
        for variable in ("SOCRATA_APP_TOKEN", "SOCRATA_USERNAME", "SOCRATA_PASSWORD"):
            environment.setenv(variable, SECRET)
        yield Story(city=city, said=_live(city), mails=mails, webhook=webhook)


def _live(city: City) -> str:
    """A good day, a day with names in its lines, and a day on which a rule crashes over a name."""
    drop = city.root / "drop"
    said = []
    for number, day in enumerate(DAYS):
        generate(drop, rows=600, seed=7, as_of=day, since=DAYS[0])
        for name in dataset_ids():
            (file,) = (drop / name).glob(f"*{day}*")
            if number:
                _plant(city, name, file)
            if number == 2:
                _crash(city, name)
        for words in (["run", "--extracts", str(drop)], *(_AFTER_A_DAY if number == 1 else ())):
            said += _said_by(city, *words)
    # On the last day no layer is finished: what these say is of the day before, too.
    for words in (
        *_AFTER_A_DAY,
        *([word, name] for word in _OF_ONE for name in dataset_ids()),
        ["doctor"], ["heartbeat"], ["alerts", "test"],
    ):  # fmt: skip
        said += _said_by(city, *words)
    return "\n".join(said)


_AFTER_A_DAY = (["gates"], ["alerts", "--all"], ["alerts", "--json"])
_OF_ONE = ("ledger", "trend", "plan", "publications")


def _said_by(city: City, *words: str) -> list[str]:
    ended = city.command(*words)
    return [ended.stdout, ended.stderr]


def _plant(city: City, name: str, file: Path) -> None:
    """The name in all cells of three lines but their keys, and in a column that nobody listed."""
    dataset = load_dataset(city.settings.datasets_dir / f"{name}.yaml")
    keys = {
        plain_heading(heading)
        for column in dataset.landed_key
        for heading in dataset.column(column).headings
    }
    _rewrite(file, lambda heading, cell: cell if plain_heading(heading) in keys else NAME)


def _rewrite(file: Path, change: Callable[[str, str], str]) -> None:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as source:
        headings, *rows = csv.reader(source)
    spoilt = [
        [change(heading, cell) for heading, cell in zip(headings, row, strict=True)]
        for row in rows[:3]
    ]
    with gzip.open(file, "wt", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([*headings, "Officer Private Note"])
        writer.writerows([*row, NAME] for row in [*spoilt, *rows[3:]])


def _crash(city: City, name: str) -> None:
    """A rule whose error would quote the first cell that is no number."""
    dataset = load_dataset(city.settings.datasets_dir / f"{name}.yaml")
    text = next(
        column.name
        for column in dataset.landed
        if column.type == "text" and column.name not in dataset.landed_key and not column.is_hashed
    )
    path = city.settings.expectations_dir / name / "raw.yaml"
    content = yaml.safe_load(path.read_text())
    content["expectations"].append(
        {
            "type": "unexpected_rows_expectation",
            "kwargs": {
                "unexpected_rows_query": (
                    f"select _extract_id, _line from {{batch}} where cast({text} as integer) < 0"
                )
            },
            "severity": "critical",
            "meta": {
                "rule_id": "crashes_over_a_cell",
                "statement": "-",
                "reason": "-",
                "fault": "-",
            },
        }
    )
    path.write_text(yaml.safe_dump(content))


def test_the_days_went_as_meant(story: Story) -> None:
    """The lines were quarantined, the rule did crash, and people were told of both."""
    for name in dataset_ids():
        verdicts = {one.verdict for one in story.city.state.verdicts(name, "raw")}
        assert "broken" in verdicts, name
    told = "\n".join(story.webhook.bodies)
    assert "crashes_over_a_cell" in told
    assert "were quarantined" in told
    assert len(story.mails.mails) > 3


def test_no_name_is_in_any_message(story: Story) -> None:
    """Neither in mails nor in webhooks, in no part of them."""
    everything = "\n".join(
        [*story.webhook.subjects, *story.webhook.bodies, *map(str, story.mails.mails)]
    )
    for canary in (*NAME.split(), SECRET):
        assert canary.casefold() not in everything.casefold()


def test_no_name_is_on_any_terminal(story: Story) -> None:
    """What the commands said."""
    for canary in (*NAME.split(), SECRET):
        assert canary.casefold() not in story.said.casefold()


def test_no_name_is_beside_the_rows(story: Story) -> None:
    """Dagster's history and logs, the state, gate pages, plans, the portal: everything under the home."""
    for canary in NAME.split():
        places = [
            place
            for place in places_of(story.city.home, [canary])
            if not place.startswith(("extracts/", "layers/"))
        ]
        assert places == []


def test_no_secret_is_in_any_file(story: Story) -> None:
    """Not in one of them, rows included."""
    assert places_of(story.city.home, [SECRET]) == []

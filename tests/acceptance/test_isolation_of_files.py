"""One dataset's mistake never stops another's day: a misspelt dataset file beside sound ones."""

from collections.abc import Callable
from datetime import date

from orchestration.sources.sample import generate
from tests.acceptance.city import City, copied, dataset_ids


def test_a_misspelt_file_stops_only_its_own_dataset(new_city: Callable[[], City]) -> None:
    """The others are published, the command says so and ends as wrongly configured."""
    city = new_city()
    first, *others = dataset_ids()
    city.use(SUMMERWARE_DATASETS=copied(city.settings.datasets_dir, city.root / "datasets"))
    file = city.settings.datasets_dir / f"{first}.yaml"
    file.write_text(file.read_text() + "colour: green\n")
    drop = city.root / "drop"
    generate(drop, rows=300, seed=7, as_of=date(2026, 3, 1))
    ended = city.command("run", "--extracts", str(drop))
    assert ended.returncode == 2
    assert f"{first}.yaml: colour: unknown key" in ended.stderr
    assert [bool(city.state.publications(name)) for name in (first, *others)] == [
        False,
        *(True for _ in others),
    ]
    named = city.command("run", first, "--extracts", str(drop))
    assert named.returncode == 2
    assert "colour: unknown key" in named.stderr
    alerts = city.command("alerts")
    assert "Its dataset file cannot be read" in alerts.stdout

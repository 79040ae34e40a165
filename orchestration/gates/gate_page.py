"""The page of a gate: one HTML file that needs nothing else, of the latest verdict only.

Great Expectations' own Data Docs are not written: they keep every result, freeze at about a thousand
of them and show cells (`docs/adr/0018-gate-pages.md`). History is in the state database.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from orchestration.dataset import Dataset
from orchestration.gates.report import GateReport, quarantined_share
from orchestration.gates.suites import SUITES
from orchestration.settings import Settings
from orchestration.state.records import RuleRecord
from orchestration.state.store import GateRecord
from orchestration.visible import in_page

logger = logging.getLogger(__name__)

_TEMPLATES = Path(__file__).parent


def gate_page(settings: Settings, dataset: Dataset, layer: str) -> Path:
    """Where the page of a layer's gate stands, be it there or not."""
    return settings.gate_pages / dataset.id / f"{SUITES[layer]}.html"


def write_gate_page(
    settings: Settings, dataset: Dataset, record: GateRecord, report: GateReport
) -> Path | None:
    """Writes the page of a verdict in one step, over the last one; none where the disk refuses it.

    Readable by its owner alone. A page that could not be written is logged: the verdict stands in the
    state database, and no gate fails for its page.
    """
    from jinja2 import Environment, FileSystemLoader

    page = gate_page(settings, dataset, record.layer)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, finalize=in_page
    )
    text = environment.get_template("gate_page.html").render(
        dataset=dataset,
        gate=SUITES[record.layer],
        record=record,
        report=report,
        share=quarantined_share(record),
        rules=sorted(record.results, key=urgency),
    )
    fresh = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        page.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o600)
        fresh.replace(page)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        logger.warning("%s could not be written: %s", page, error.strerror)
        return None
    return page


def urgency(rule: RuleRecord) -> tuple[bool, bool, str]:
    """Sorts what stops a gate before what warns, and both before what passed."""
    return rule["outcome"] == "passed", rule["strength"] == "warning", str(rule["rule_id"])

"""Writes `docs/rules.md` from the suites: every rule, what it says, why, and the fault behind it."""

from orchestration.dataset import load_datasets
from orchestration.gates.domain_rules import gate_rules
from orchestration.gates.suites import SUITES, Rule
from orchestration.settings import Settings

_STRENGTH = {
    "table": "stops the gate",
    "row": "quarantines the row",
    "waiting": "makes the row wait",
    "warning": "warns",
}


def rules_page(settings: Settings) -> str:
    """The page, as Markdown."""
    lines = [
        "# Rules",
        "",
        "Made by `summerware rules`; the rules themselves stand in `expectations/`, those of what one",
        "cell may hold under `domain:` in the dataset file. A rule that *stops the gate* lets nothing of",
        "the dataset through, one that *quarantines the row* keeps the published row of a bad line back,",
        "one that *makes the row wait* withholds it as `unclassified` until a person knows what stands",
        "there, one that *warns* only reports.",
    ]
    for dataset in load_datasets(settings.datasets_dir).values():
        lines += ["", f'<a id="{dataset.id}"></a>', f"## {dataset.title} (`{dataset.id}`)"]
        for layer, name in SUITES.items():
            lines += ["", f"### {name.capitalize()} gate", ""]
            lines += ["| rule | does | what must be true | why | fault it would have caught |"]
            lines += ["|---|---|---|---|---|"]
            lines += [_row(rule) for rule in gate_rules(settings, dataset, layer).rules]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    meta = rule.meta
    does = _STRENGTH[rule.strength] + (f" ({meta.grain} lines)" if meta.grain else "")
    cells = (f"`{meta.rule_id}`", does, meta.statement, meta.reason, meta.fault)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

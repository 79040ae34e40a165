"""The commands `doctor` and `heartbeat`: is the machinery alive, and who would miss it."""

from typing import Annotated

import typer

from orchestration.settings import Settings
from orchestration.terminal import open_state, out, print_json, styled

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def doctor(as_json: JsonOption = False) -> None:
    """Tell whether daemon, schedules, sensor, portal, state, disk and channels are alive."""
    from orchestration.health.checks import as_json as health_json
    from orchestration.health.checks import examine

    found = examine(Settings.from_environment())
    if as_json:
        print_json([health_json(one) for one in found])
    else:
        for one in found:
            label = ("well  ", "green") if one.is_well else ("unwell", "red")
            out.print(styled(label, "  ", (one.name, "bold"), f": {one.seen}"))
            if one.advice:
                out.print(f"        {one.advice}")
    if not all(one.is_well for one in found):
        raise typer.Exit(3)


def heartbeat(as_json: JsonOption = False) -> None:
    """Tell the dead man's switch outside that all is well, if it is; else say why not."""
    from orchestration.health.heartbeat import beat, tell

    settings, state = open_state()
    beaten = beat(settings, state)
    if as_json:
        print_json(vars(beaten))
    else:
        out.print(tell(beaten))
    if not beaten.was_answered:
        raise typer.Exit(3)

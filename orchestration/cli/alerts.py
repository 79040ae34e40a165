"""The commands `alerts` and `ack`: what is open, who takes it on, and whether messages arrive."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from orchestration.alerts.findings import WARNING
from orchestration.alerts.lifecycle import acknowledge
from orchestration.alerts.routing import addresses, all_channels, variable_of
from orchestration.city_time import city_time
from orchestration.dataset import Dataset, load_sound_datasets
from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.state.alerts import CLAIMED, NO_CHANNEL, PENDING, Alert, AlertStore, Delivery
from orchestration.state.store import now
from orchestration.terminal import err, fitting_table, open_state, out, print_json, styled

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

alerts = typer.Typer(
    help="Show what is open; `alerts test` sends a trial message through every route.",
    invoke_without_command=True,
)


@alerts.callback()
def list_alerts(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show open alerts, who took them on, and what could not be told to anybody."""
    if context.invoked_subcommand is not None:
        return None
    _, state = open_state()
    store = AlertStore(state)
    found = store.alerts(with_resolved=everything)
    unsent = store.deliveries(states=[PENDING, CLAIMED, NO_CHANNEL], of_open_alerts=True)
    unsent += store.deliveries(states=[PENDING, CLAIMED]) if everything else []
    if as_json:
        return print_json([_as_json(alert, unsent) for alert in found])
    if not found:
        return out.print("No alert is open.")
    for alert in found:
        _print(alert)
    _print_unsent(found, unsent)
    return None


@alerts.command("test")
def send_trial(as_json: JsonOption = False) -> None:
    """Send a trial message through every route of every dataset file, and say which arrived."""
    from orchestration.alerts.delivery import try_every_route

    settings = Settings.from_environment()
    datasets, _ = load_sound_datasets(settings.datasets_dir)
    named, unknown = _routes(datasets.values())
    said = try_every_route(named, _trial(settings))
    if as_json:
        print_json(
            [
                {"route": name, "arrived": not failure, "failure": failure or None}
                for name, failure in said.items()
            ]
            + [
                {"route": name, "arrived": False, "failure": f"{variable_of(name)} is not set"}
                for name in unknown
            ]
        )
    else:
        for name, failure in said.items():
            outcome = (failure, "red") if failure else ("accepted", "green")
            out.print(styled(f"{name}: ", outcome))
        for name in unknown:
            out.print(styled(f"{name}: ", (f"{variable_of(name)} is not set", "yellow")))
    if unknown or any(said.values()):
        raise typer.Exit(3 if any(said.values()) else 2)


@alerts.command("send")
def send_due() -> None:
    """Look, and send what is due: for a city whose scheduler is not Dagster's daemon."""
    from orchestration.alerts.watch import watch
    from orchestration.instance import open_instance

    settings, state = open_state()
    with open_instance(settings) as instance:
        seen = watch(settings, state, instance)
    delivered = seen.delivered
    out.print(
        f"{seen.open_alerts} alerts are open; {delivered.sent} messages went, "
        f"{delivered.failed} did not, {delivered.waiting} wait.",
    )
    if delivered.failed:
        raise typer.Exit(3)


def ack(
    alert: Annotated[list[str], typer.Argument(help="Ids of alerts.")],
    by: Annotated[str, typer.Option(help="Who takes them on.")],
) -> None:
    """Take alerts on: they escalate no more, and everybody sees whose they are."""
    _, state = open_state()
    if not by.strip():
        raise ConfigurationError("--by: a name is needed")
    with AlertStore(state).writing() as writer:
        taken = acknowledge(
            writer,
            alert,
            by=by.strip(),
            unknown=lambda name: ConfigurationError(
                f"no alert {name} is open; see `summerware alerts`"
            ),
        )
    for one in taken:
        out.print(f"{one.id} is {by.strip()}'s: {one.facts['headline']}")


def _print(alert: Alert) -> None:
    colour = "yellow" if alert.severity == WARNING else "red"
    label = "over" if alert.resolved_at else alert.severity
    runs = f", {alert.runs} runs" if alert.runs > 1 else ""
    taken = f", taken on by {alert.acked_by}" if alert.acked_by else ""
    out.print(
        styled(
            (label, "green" if alert.resolved_at else colour),
            f" {alert.id}  {alert.facts['title']}  since {city_time(alert.opened_at)}{runs}{taken}",
        )
    )
    out.print(f"    {alert.facts['headline']}")
    if not alert.resolved_at and alert.facts.get("to_do"):
        out.print(f"    {alert.facts['to_do']}", style="dim")


def _print_unsent(found: Sequence[Alert], unsent: Sequence[Delivery]) -> None:
    shown = {alert.id for alert in found}
    unknown = sorted(
        {one.channel for one in unsent if one.state == NO_CHANNEL and one.alert_id in shown}
    )
    for channel in unknown:
        err.print(
            f"Nobody was told through {channel}: {variable_of(channel)} is not set.",
            style="yellow",
        )
    late = [one for one in unsent if one.state != NO_CHANNEL and one.failure]
    if late:
        table = fitting_table("channel", "messages", "last failure", texts=1)
        for channel in sorted({one.channel for one in late}):
            own = [one for one in late if one.channel == channel]
            table.add_row(channel, str(len(own)), own[-1].failure or "")
        err.print(table)


def _as_json(alert: Alert, unsent: Sequence[Delivery]) -> dict[str, Any]:
    return {
        **vars(alert),
        "unsent": [
            {"channel": one.channel, "state": one.state, "failure": one.failure}
            for one in unsent
            if one.alert_id == alert.id
        ],
    }


def _routes(datasets: Any) -> tuple[list[tuple[str, str]], list[str]]:
    """Every address of every route, once, under the route's name; and routes without any."""
    found: dict[str, str] = {}
    files: list[Dataset] = list(datasets)
    unknown = [channel for channel in all_channels(files) if not addresses(channel)]
    for channel in all_channels(files):
        for one in files:
            urls = addresses(channel, owner=one.owner.email)
            for number, url in enumerate(urls, 1):
                suffix = f" {number}" if len(urls) > 1 else ""
                owner = f" ({one.owner.email})" if url not in addresses(channel) else ""
                found.setdefault(url, f"{channel}{suffix}{owner}")
    return [(name, url) for url, name in found.items()], unknown


def _trial(settings: Settings) -> dict[str, object]:
    return {
        "title": "Trial",
        "headline": "This is a trial message of Summerware. Nothing is wrong.",
        "kind": "trial",
        "severity": WARNING,
        "dataset": None,
        "rule": None,
        "gate": None,
        "alert": "alert-trial",
        "since": now(),
        "runs": 1,
        "to_do": "Nothing: you are told, and that was to be shown.",
        "links": {"runbook": f"{settings.docs_url}/runbook.md"},
    }

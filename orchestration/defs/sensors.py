"""The Dagster sensor that watches: it launches nothing, and every tick says what it saw."""

import dagster as dg

from orchestration.settings import Settings
from orchestration.state.database import open_database
from orchestration.state.store import State

EVERY_SECONDS = 30


def build_alert_sensor(*, every_seconds: int = EVERY_SECONDS) -> dg.SensorDefinition:
    """The sensor `alerts`, on from the start."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of failed gates, failed runs, held publications and late data, once.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from orchestration.alerts.watch import watch
        from orchestration.health.heartbeat import beat_if_due, tell

        settings = Settings.from_environment()
        state = State(open_database(settings))
        try:
            seen = watch(settings, state, context.instance)
            beaten = beat_if_due(settings, state)
        finally:
            state.engine.dispose()
        delivered = seen.delivered
        return dg.SkipReason(
            f"{seen.open_alerts} alerts are open; {delivered.sent} messages went, "
            f"{delivered.failed} did not, {delivered.waiting} wait."
            + (f" Heartbeat: {tell(beaten)}" if beaten else "")
        )

    return alerts

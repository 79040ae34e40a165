"""What a real daemon needs for the alerts of a town: the project's own sensor, looking each second."""

import dagster as dg

from orchestration.defs.sensors import build_alert_sensor

defs = dg.Definitions(sensors=[build_alert_sensor(every_seconds=1)])

"""Every name that we take from Dagster's private modules: where to look when Dagster is raised.

Each is imported when it is first asked for: together they cost a process 0.8 s.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster._core.definitions.asset_checks.asset_check_evaluation import (
        AssetCheckEvaluationTargetMaterializationData as AssetCheckEvaluationTargetMaterializationData,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState as InstigatorState,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorStatus as InstigatorStatus,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorTick as InstigatorTick,
    )
    from dagster._core.scheduler.instigation import (
        TickStatus as TickStatus,
    )
    from dagster._core.storage.event_log import SqliteEventLogStorage as SqliteEventLogStorage
    from dagster._core.workspace.context import WorkspaceProcessContext as WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget as WorkspaceFileTarget
    from dagster._utils.interrupts import setup_interrupt_handlers as setup_interrupt_handlers
    from dagster._utils.log import configure_loggers as configure_loggers
    from dagster._utils.schedules import cron_string_iterator as cron_string_iterator
    from dagster._utils.schedules import is_valid_cron_string as is_valid_cron_string
    from dagster._utils.schedules import (
        schedule_execution_time_iterator as schedule_execution_time_iterator,
    )

_MODULES = {
    "AssetCheckEvaluationTargetMaterializationData": (
        "dagster._core.definitions.asset_checks.asset_check_evaluation"
    ),
    "InstigatorState": "dagster._core.scheduler.instigation",
    "InstigatorStatus": "dagster._core.scheduler.instigation",
    "InstigatorTick": "dagster._core.scheduler.instigation",
    "SqliteEventLogStorage": "dagster._core.storage.event_log",
    "TickStatus": "dagster._core.scheduler.instigation",
    "WorkspaceFileTarget": "dagster._core.workspace.load_target",
    "WorkspaceProcessContext": "dagster._core.workspace.context",
    "configure_loggers": "dagster._utils.log",
    "cron_string_iterator": "dagster._utils.schedules",
    "is_valid_cron_string": "dagster._utils.schedules",
    "schedule_execution_time_iterator": "dagster._utils.schedules",
    "setup_interrupt_handlers": "dagster._utils.interrupts",
}


def __getattr__(name: str) -> Any:
    """The name out of its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)

"""The Dagster UI behind our guard: Dagster's own web application, which lets any page command it.

A process of its own, which `serving` starts and stops: `python -m orchestration.webserver PORT`.
"""

import sys
from contextlib import suppress

import uvicorn
from dagster import DagsterInstance
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.types import ASGIApp

from orchestration.dagster_private import (
    WorkspaceFileTarget,
    WorkspaceProcessContext,
    configure_loggers,
    setup_interrupt_handlers,
)
from orchestration.guarding import JSON, Guard
from orchestration.settings import HOST, WORKSPACE, Settings

GRAPHQL = "/graphql"


def guard_ui(app: ASGIApp, settings: Settings) -> Guard:
    """The UI's application, for its own pages and for programs that speak JSON.

    People open it by the address of this machine or by the one that messages lead to.
    """
    return Guard(
        app,
        takes_body=lambda _path, kind: kind == JSON,
        public_url=settings.ui_url,
        commands=GRAPHQL,
    )


def serve_ui(settings: Settings, *, port: int) -> None:
    """Serves the UI until the process is told to stop."""
    configure_loggers()
    setup_interrupt_handlers()
    with (
        suppress(KeyboardInterrupt),
        DagsterInstance.get() as instance,
        WorkspaceProcessContext(
            instance,
            version=__version__,
            workspace_load_target=WorkspaceFileTarget([str(WORKSPACE)]),
        ) as context,
    ):
        app = create_app_from_workspace_process_context(context)
        uvicorn.run(guard_ui(app, settings), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    serve_ui(Settings.from_environment(), port=int(sys.argv[1]))

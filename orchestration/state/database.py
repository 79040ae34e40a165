"""Opens the state database and brings its tables up to date. Queries are in `store.py`.

Writers take turns, on both databases: each looks before it writes, and what it saw must still be
so. Readers wait for nobody.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings

HEAD = "0010"
_TURN = 5_377_462
"""Number of the PostgreSQL lock that a writer holds to the end of its transaction."""
_BUSY_SECONDS = 60
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(settings: Settings) -> sa.Engine:
    """The state database, migrated to the newest tables.

    Raises:
        ConfigurationError: the URL is wrong or the database cannot be reached.
    """
    settings.prepare()
    try:
        engine = sa.create_engine(settings.state_url)
    # A port that is no number is a ValueError, a driver that is not installed an ImportError.
    except (sa.exc.ArgumentError, ValueError, ImportError):
        # Their messages hold pieces of the URL, and with them of a password.
        raise ConfigurationError(
            "SUMMERWARE_STATE_URL: is not the URL of a database that can be used here; it looks "
            "like postgresql+psycopg://user:password@host/name"
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin)
    try:
        if _revision(engine) != HEAD:
            _migrate(engine)
    except sa.exc.DBAPIError as error:
        # The driver's message may hold the URL, and with it a password: its type is enough.
        kind = type(error.orig).__name__
        raise ConfigurationError(
            f"SUMMERWARE_STATE_URL: the state database cannot be opened ({kind})"
        ) from None
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).chmod(0o600)
    return engine


def for_writing(engine: sa.Engine) -> sa.Engine:
    """The same database, for transactions that write: one at a time, whoever asks."""
    return engine.execution_options(summerware_writes=True)


def _configure_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    # Python would begin late and leave changes of tables outside: `_begin` begins instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"pragma busy_timeout = {_BUSY_SECONDS * 1000}")
    _write_ahead(cursor)
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Turns the write-ahead log on. SQLite does not wait for others here, whatever its timeout."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("summerware_writes", False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("begin immediate" if writes else "begin")
    elif writes:
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_TURN})")


def _revision(engine: sa.Engine) -> str | None:
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        found = connection.scalar(sa.text("select version_num from alembic_version"))
        return None if found is None else str(found)


def _migrate(engine: sa.Engine) -> None:
    # Imported here: readers of an up-to-date database do not pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    # One transaction, in turn: a process that waited finds the tables made, a killed one leaves none.
    with for_writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
